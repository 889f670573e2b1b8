<?php
// A small rentals service: how an operator's billing system answers Matinee. PHP 8.1 or newer with pdo_sqlite.
//
//     BILLING_DATABASE=ledger.sqlite php -S 127.0.0.1:8100 server.php
//
// Four calls, by GET with a query or POST with a form: /rentals charges, /rentals/status tells, /rentals/refund
// gives back, /rentals/cancel closes. A reference is answered once and for all: never a second charge.

declare(strict_types=1);

// What a parameter must look like. An amount is an exact decimal and kept as text: never a float.
const ANY_TEXT = '/^[^\x00-\x1f\x7f]{1,300}$/D';
const GRAMMAR = [
    'reference' => '/^[A-Za-z0-9-]{1,64}$/D',
    'refund_reference' => '/^[A-Za-z0-9-]{1,64}$/D',
    'content_price' => '/^(?=.*[1-9])[0-9]{1,9}(\.[0-9]{1,3})?$/D',
    'currency' => '/^[A-Z]{3}$/D',
];
const CHARGE = ['userid', 'content_id', 'content_name', 'content_price', 'currency', 'reference'];
const SCHEMA = <<<'SQL'
    CREATE TABLE IF NOT EXISTS rentals (
      id INTEGER PRIMARY KEY, "transaction" TEXT AS ('tx-' || id), at TEXT NOT NULL,
      reference TEXT NOT NULL UNIQUE, userid TEXT NOT NULL, content_id TEXT NOT NULL,
      content_name TEXT NOT NULL, amount TEXT NOT NULL, currency TEXT NOT NULL,
      state TEXT NOT NULL CHECK (state IN ('charged', 'declined', 'refunded', 'cancelled')),
      refund_reference TEXT UNIQUE, asked INTEGER NOT NULL DEFAULT 0)
    SQL;

/** Ends a call with this HTTP status and JSON body; nothing is stored. */
final class Refused extends Exception
{
    /** @param array<string, string> $more */
    public function __construct(public readonly int $http, public readonly string $status, string $message,
        public readonly array $more = [])
    {
        parent::__construct($message);
    }
}

/** The named parameters, checked; throws Refused(400) naming the first one that is missing or wrong. */
function required(array $given, string ...$names): array
{
    $wanted = [];
    foreach ($names as $name) {
        $text = $given[$name] ?? '';
        if (!is_string($text) || trim($text) === '') {
            throw new Refused(400, 'invalid', "$name is missing", ['field' => $name]);
        }
        if (preg_match(GRAMMAR[$name] ?? ANY_TEXT, $text) !== 1) {
            throw new Refused(400, 'invalid', "$name is not valid", ['field' => $name]);
        }
        $wanted[$name] = $text;
    }
    return $wanted;
}

/** 4.9 and 4.90 are one amount: both are 4900. */
function exact(string $amount): int
{
    [$whole, $part] = explode('.', $amount . '.');
    return (int) ($whole . str_pad($part, 3, '0'));
}

function run(PDO $db, string $sql, array $values): PDOStatement
{
    $statement = $db->prepare($sql);
    $statement->execute($values);
    return $statement;
}

function find(PDO $db, string $reference): ?array
{
    return run($db, 'SELECT * FROM rentals WHERE reference = ?', [$reference])->fetch() ?: null;
}

function told(array $row): array
{
    return array_intersect_key($row, array_flip(['reference', 'transaction', 'amount', 'currency']));
}

/** The rental under this reference: the one that is there, or else this new one. */
function book(PDO $db, array $rental, string $state): array
{
    run($db, "INSERT INTO rentals (at, userid, content_id, content_name, amount, currency, reference, state)
              VALUES (datetime('now'), ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (reference) DO NOTHING",
        [...array_map(fn (string $name) => $rental[$name] ?? '', CHARGE), $state]);
    return find($db, $rental['reference']);
}

function charge(PDO $db, array $given): array
{
    $want = required($given, ...CHARGE);
    // Here a real system asks for the customer's credit and limits; the test account decides instead.
    $row = book($db, $want, $want['userid'] === 'probe-declined' ? 'declined' : 'charged');
    run($db, 'UPDATE rentals SET asked = asked + 1 WHERE id = ?', [$row['id']]);
    if ($row['state'] === 'cancelled') {
        return [402, ['status' => 'cancelled', 'reason' => 'cancelled', 'reference' => $row['reference']]];
    }
    $same = [$row['userid'], $row['content_id'], $row['currency'], exact($row['amount'])]
        === [$want['userid'], $want['content_id'], $want['currency'], exact($want['content_price'])];
    if (!$same) {
        throw new Refused(409, 'reference_reused', 'this reference belongs to another rental');
    }
    if ($row['state'] === 'declined') {
        return [402, ['status' => 'declined', 'reason' => 'insufficient_funds', 'reference' => $row['reference']]];
    }
    return [$row['state'] === 'charged' ? 200 : 409, ['status' => $row['state'], ...told($row)]];
}

/** `charges` are those that stand: a refunded one is not among them. The HTTP status is the charge's. */
function status(PDO $db, array $given): array
{
    $reference = required($given, 'reference')['reference'];
    $row = find($db, $reference);
    $state = $row['state'] ?? 'unknown';
    $code = ['unknown' => 404, 'declined' => 402, 'cancelled' => 402][$state] ?? 200;
    $charges = $state === 'charged' ? [told($row)] : [];
    return [$code, ['status' => $state, 'reference' => $reference, 'charges' => $charges]];
}

/** The same refund_reference again is the same refund. `charge` names the transaction, if given. */
function refund(PDO $db, array $given): array
{
    $want = required($given, 'reference', 'refund_reference');
    $row = find($db, $want['reference']);
    $named = $given['charge'] ?? $row['transaction'] ?? '';
    if (($row['state'] ?? '') === 'charged' && $named === $row['transaction']) {
        if (run($db, 'SELECT 1 FROM rentals WHERE refund_reference = ?', [$want['refund_reference']])->fetch()) {
            throw new Refused(409, 'reference_reused', 'this refund belongs to another rental');
        }
        run($db, "UPDATE rentals SET state = 'refunded', refund_reference = ? WHERE id = ?",
            [$want['refund_reference'], $row['id']]);
    } elseif (($row['refund_reference'] ?? null) !== $want['refund_reference']) {
        return [409, ['status' => 'not_refundable', 'reference' => $want['reference']]];
    }
    return [200, ['status' => 'refunded', 'reference' => $want['reference'], 'transaction' => $row['transaction']]];
}

/** Close a reference: from now on nothing can be charged under it. What is charged already must be refunded. */
function cancel(PDO $db, array $given): array
{
    $row = book($db, required($given, 'reference'), 'cancelled');
    $state = $row['state'] === 'charged' ? 'charged' : 'cancelled';
    return [$state === 'charged' ? 409 : 200, ['status' => $state, 'reference' => $row['reference']]];
}

const CALLS = ['/rentals' => 'charge', '/rentals/status' => 'status', '/rentals/refund' => 'refund',
    '/rentals/cancel' => 'cancel'];

function answer(): array
{
    $path = rtrim((string) parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH), '/');
    if ($path === '/healthz') {
        return [200, ['status' => 'ok']];
    }
    $method = $_SERVER['REQUEST_METHOD'];
    if (!isset(CALLS[$path]) || !in_array($method, ['GET', 'POST'], true)) {
        return [404, ['status' => 'no_such_address', 'message' => 'this address does not exist']];
    }
    $secret = (string) getenv('BILLING_SECRET'); // asked for in the X-Billing-Secret header
    if ($secret !== '' && !hash_equals($secret, $_SERVER['HTTP_X_BILLING_SECRET'] ?? '')) {
        throw new Refused(401, 'unauthorized', 'the X-Billing-Secret header is missing or wrong');
    }
    $db = new PDO('sqlite:' . (getenv('BILLING_DATABASE') ?: 'ledger.sqlite'), options: [
        PDO::ATTR_DEFAULT_FETCH_MODE => PDO::FETCH_ASSOC, PDO::ATTR_TIMEOUT => 30]);
    $db->exec('PRAGMA journal_mode = WAL');
    $db->exec('BEGIN IMMEDIATE'); // one call, one transaction: the same reference waits here
    $db->exec(SCHEMA);
    $done = CALLS[$path]($db, $method === 'POST' ? $_POST : $_GET); // an exception leaves it uncommitted
    $db->exec('COMMIT');
    return $done;
}

try {
    [$code, $body] = answer();
} catch (Refused $refused) {
    [$code, $body] = [$refused->http,
        ['status' => $refused->status, 'message' => $refused->getMessage(), ...$refused->more]];
} catch (PDOException) { // in doubt say 503: the caller asks again, and nothing was stored
    [$code, $body] = [503, ['status' => 'unavailable', 'message' => 'the ledger cannot be used']];
}
http_response_code($code);
header('Content-Type: application/json');
header('Cache-Control: no-store');
echo json_encode($body);
