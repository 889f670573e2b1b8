// A small rentals service: how an operator's billing system answers Matinee. .NET 8 or newer and Microsoft.Data.Sqlite.
//
// Four calls, by GET with a query or POST with a form: /rentals charges, /rentals/status tells, /rentals/refund
// gives back, /rentals/cancel closes. A reference is answered once and for all: never a second charge.

using System.Collections.Specialized;
using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using System.Web;
using Microsoft.Data.Sqlite;
using Row = System.Collections.Generic.Dictionary<string, string>;

var options = new Row { ["port"] = "8100", ["database"] = "ledger.sqlite", ["secret"] = "" };
foreach (var parts in args.Select(argument => argument.TrimStart('-').Split('=', 2)).Where(parts => parts.Length == 2))
    options[parts[0]] = parts[1]; // --port=8100 --database=ledger.sqlite --secret=...

using (var database = Ledger.Open(options["database"])) Ledger.Run(database, Ledger.Schema);
var listener = new HttpListener();
listener.Prefixes.Add($"http://127.0.0.1:{options["port"]}/");
listener.Start();
Console.WriteLine($"Sample billing ready on http://127.0.0.1:{options["port"]}/");
while (true)
{
    var context = await listener.GetContextAsync();
    _ = Task.Run(() => Desk.Answer(context, options));
}

/// <summary>Ends a call with this HTTP status and JSON body; nothing is stored.</summary>
sealed class Refused(int code, object body) : Exception
{
    public (int, object) Answer => (code, body);
}

static class Ledger
{
    public const string Schema = """
        PRAGMA journal_mode = WAL;
        CREATE TABLE IF NOT EXISTS rentals (
          id INTEGER PRIMARY KEY, "transaction" TEXT AS ('tx-' || id), at TEXT NOT NULL,
          reference TEXT NOT NULL UNIQUE, userid TEXT NOT NULL, content_id TEXT NOT NULL,
          content_name TEXT NOT NULL, amount TEXT NOT NULL, currency TEXT NOT NULL,
          state TEXT NOT NULL CHECK (state IN ('charged', 'declined', 'refunded', 'cancelled')),
          refund_reference TEXT UNIQUE, asked INTEGER NOT NULL DEFAULT 0)
        """;

    public static SqliteConnection Open(string file)
    {
        var database = new SqliteConnection($"Data Source={file};Default Timeout=30;Pooling=False");
        database.Open();
        return database;
    }

    public static Row? Run(SqliteConnection database, string sql, params string[] values)
    {
        using var command = database.CreateCommand();
        command.CommandText = sql;
        for (var n = 0; n < values.Length; n++) command.Parameters.AddWithValue($"@p{n}", values[n]);
        using var reader = command.ExecuteReader();
        return !reader.Read() ? null : Enumerable.Range(0, reader.FieldCount)
            .ToDictionary(reader.GetName, n => reader.IsDBNull(n) ? "" : reader.GetValue(n).ToString()!);
    }

    public static Row? Find(SqliteConnection database, string reference) => Run(database, "SELECT * FROM rentals WHERE reference = @p0", reference);

    /// <summary>The rental under this reference: the one that is there, or else this new one.</summary>
    public static Row Book(SqliteConnection database, Row rental, string state)
    {
        Run(database, """
            INSERT INTO rentals (at, userid, content_id, content_name, amount, currency, reference, state)
            VALUES (datetime('now'), @p0, @p1, @p2, @p3, @p4, @p5, @p6) ON CONFLICT (reference) DO NOTHING
            """, [.. Rentals.Charged.Select(name => rental.GetValueOrDefault(name, "")), state]);
        return Find(database, rental["reference"])!;
    }
}

static class Rentals
{
    public static readonly string[] Charged = ["userid", "content_id", "content_name", "content_price", "currency", "reference"];

    public delegate (int, object) Call(SqliteConnection database, NameValueCollection given);

    public static readonly Dictionary<string, Call> Calls = new()
    {
        ["/rentals"] = Charge, ["/rentals/status"] = Status, ["/rentals/refund"] = Refund, ["/rentals/cancel"] = Cancel,
    };

    // What a parameter must look like. An amount is an exact decimal: never a double.
    static readonly Row Grammar = new()
    {
        ["reference"] = "^[A-Za-z0-9-]{1,64}\\z", ["refund_reference"] = "^[A-Za-z0-9-]{1,64}\\z",
        ["content_price"] = "^(?=.*[1-9])[0-9]{1,9}(\\.[0-9]{1,3})?\\z", ["currency"] = "^[A-Z]{3}\\z",
    };

    /// <summary>The named parameters, checked; throws Refused(400) naming the first one that is missing or wrong.</summary>
    static Row Required(NameValueCollection given, params string[] names) => names.ToDictionary(name => name, name =>
    {
        var text = given[name] ?? "";
        if (text.Trim() == "") throw new Refused(400, new { status = "invalid", message = $"{name} is missing", field = name });
        if (!Regex.IsMatch(text, Grammar.GetValueOrDefault(name, "^[^\\x00-\\x1f\\x7f]{1,300}\\z")))
            throw new Refused(400, new { status = "invalid", message = $"{name} is not valid", field = name });
        return text;
    });

    static object Told(Row row) => new
        { status = row["state"], reference = row["reference"], transaction = row["transaction"], amount = row["amount"], currency = row["currency"] };

    static decimal Exact(string amount) => decimal.Parse(amount, CultureInfo.InvariantCulture);

    static (int, object) Charge(SqliteConnection database, NameValueCollection given)
    {
        var want = Required(given, Charged);
        // Here a real system asks for the customer's credit and limits; the test account decides instead.
        var row = Ledger.Book(database, want, want["userid"] == "probe-declined" ? "declined" : "charged");
        Ledger.Run(database, "UPDATE rentals SET asked = asked + 1 WHERE reference = @p0", want["reference"]);
        var (state, reference) = (row["state"], row["reference"]);
        if (state == "cancelled") return (402, new { status = state, reason = "cancelled", reference });
        var same = new[] { "userid", "content_id", "currency" }.All(name => row[name] == want[name]);
        if (!same || Exact(row["amount"]) != Exact(want["content_price"]))
            throw new Refused(409, new { status = "reference_reused", message = "this reference belongs to another rental" });
        if (state == "declined") return (402, new { status = state, reason = "insufficient_funds", reference });
        return (state == "charged" ? 200 : 409, Told(row));
    }

    /// <summary>`charges` are those that stand: a refunded one is not among them. The HTTP status is the charge's.</summary>
    static (int, object) Status(SqliteConnection database, NameValueCollection given)
    {
        var reference = Required(given, "reference")["reference"];
        var row = Ledger.Find(database, reference);
        var state = row?["state"] ?? "unknown";
        var code = state switch { "unknown" => 404, "declined" or "cancelled" => 402, _ => 200 };
        object[] charges = state == "charged" ? [Told(row!)] : [];
        return (code, new { status = state, reference, charges });
    }

    /// <summary>The same refund_reference again is the same refund. `charge` names the transaction, if given.</summary>
    static (int, object) Refund(SqliteConnection database, NameValueCollection given)
    {
        var want = Required(given, "reference", "refund_reference");
        var row = Ledger.Find(database, want["reference"]);
        if (row?["state"] == "charged" && (given["charge"] ?? row["transaction"]) == row["transaction"])
        {
            if (Ledger.Run(database, "SELECT * FROM rentals WHERE refund_reference = @p0", want["refund_reference"]) != null)
                throw new Refused(409, new { status = "reference_reused", message = "this refund belongs to another rental" });
            Ledger.Run(database, "UPDATE rentals SET state = 'refunded', refund_reference = @p0 WHERE id = @p1",
                want["refund_reference"], row["id"]);
        }
        else if (row?["refund_reference"] != want["refund_reference"])
            return (409, new { status = "not_refundable", reference = want["reference"] });
        return (200, new { status = "refunded", reference = want["reference"], transaction = row!["transaction"] });
    }

    /// <summary>Close a reference: nothing can be charged under it any more. What is charged already must be refunded.</summary>
    static (int, object) Cancel(SqliteConnection database, NameValueCollection given)
    {
        var row = Ledger.Book(database, Required(given, "reference"), "cancelled");
        var state = row["state"] == "charged" ? "charged" : "cancelled";
        return (state == "charged" ? 409 : 200, new { status = state, reference = row["reference"] });
    }
}

static class Desk
{
    public static void Answer(HttpListenerContext context, Row options)
    {
        (int code, object body) = (503, "");
        try { (code, body) = Call(context.Request, options); }
        catch (Refused refused) { (code, body) = refused.Answer; }
        catch (Exception error) { Console.Error.WriteLine(error); body = new { status = "unavailable", message = "ask again" }; } // nothing is stored
        var data = JsonSerializer.SerializeToUtf8Bytes(body);
        context.Response.StatusCode = code;
        context.Response.ContentType = "application/json";
        context.Response.Headers["Cache-Control"] = "no-store";
        try { context.Response.Close(data, true); }
        catch (HttpListenerException) { } // the other side hung up: it will ask for the status
    }

    static (int, object) Call(HttpListenerRequest request, Row options)
    {
        var path = request.Url!.AbsolutePath.TrimEnd('/');
        if (path == "/healthz") return (200, new { status = "ok" });
        if (!Rentals.Calls.TryGetValue(path, out var call) || request.HttpMethod is not ("GET" or "POST"))
            return (404, new { status = "no_such_address", message = "this address does not exist" });
        byte[] wanted = SHA256.HashData(Encoding.UTF8.GetBytes(options["secret"]));
        byte[] sent = SHA256.HashData(Encoding.UTF8.GetBytes(request.Headers["X-Billing-Secret"] ?? ""));
        if (options["secret"] != "" && !CryptographicOperations.FixedTimeEquals(wanted, sent))
            throw new Refused(401, new { status = "unauthorized", message = "the X-Billing-Secret header is missing or wrong" });
        using var reader = new StreamReader(request.InputStream);
        var given = HttpUtility.ParseQueryString(request.HttpMethod == "POST" ? reader.ReadToEnd() : request.Url.Query);
        using var database = Ledger.Open(options["database"]);
        Ledger.Run(database, "BEGIN IMMEDIATE"); // one call, one transaction: the same reference waits here
        var done = call(database, given); // an exception closes the connection, and nothing is stored
        Ledger.Run(database, "COMMIT");
        return done;
    }
}
