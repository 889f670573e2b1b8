import type { Purchase, Quote } from "../api/types";
import { ruleInWords } from "../rights/words";
import { formatMoment, formatMoney, formatRate, formatWhen } from "../texts/format";
import type { Formats } from "../texts/format";
import type { Translator } from "../texts/translate";

/** One row of an invoice or a receipt. */
export interface Fact {
  label: string;
  value: string | string[];
  strong?: boolean;
  /** The hook for tests. */
  id?: string;
}

function kindWord(words: Translator, kind: string): string {
  return words.text(kind === "live_event" || kind === "season" ? `invoice.${kind}` : "invoice.film");
}

function terms(formats: Formats, sold: Quote | Purchase): Fact {
  const windows = {
    unit: sold.rule_unit,
    quantity: sold.rule_quantity,
    finish_window_hours: sold.finish_window_hours,
  };
  return {
    label: formats.words.text("invoice.rule"),
    value: [sold.rule_name, ...ruleInWords(formats.words, windows, "item" in sold ? sold.item.kind : sold.item_kind)],
    id: "invoice-rule",
  };
}

function tax(formats: Formats, quote: Quote): Fact {
  const { words } = formats;
  if (quote.tax_rate_basis_points === 0 && quote.tax_minor === 0) {
    return { label: words.text("invoice.tax_none"), value: words.text("invoice.tax_none_value"), id: "invoice-tax" };
  }
  return {
    label: words.text("invoice.tax", { rate: formatRate(formats, quote.tax_rate_basis_points) }),
    value: formatMoney(formats, quote.tax_minor, quote.currency),
    id: "invoice-tax",
  };
}

function payment(formats: Formats, quote: Quote): Fact[] {
  const { words } = formats;
  const { type, operator_name, balance_before_minor, balance_after_minor } = quote.payment;
  const label = words.text("invoice.payment");
  if (type === "api") {
    return [{ label, value: words.text("invoice.payment_api", { operator: operator_name }), id: "invoice-payment" }];
  }
  const paid: Fact = { label, value: words.text("invoice.payment_wallet"), id: "invoice-payment" };
  if (balance_before_minor === null || balance_after_minor === null) return [paid];
  const before = formatMoney(formats, balance_before_minor, quote.currency);
  const after = formatMoney(formats, balance_after_minor, quote.currency);
  return [
    paid,
    { label: words.text("invoice.wallet"), value: words.text("invoice.wallet_change", { before, after }), id: "invoice-wallet" },
  ];
}

/** The rows of an invoice, in the order a person asks: what, how long, who pays, how much. */
export function invoiceFacts(formats: Formats, quote: Quote, now: Date): Fact[] {
  const { words } = formats;
  return [
    { label: kindWord(words, quote.item_kind), value: quote.title, id: "invoice-title" },
    terms(formats, quote),
    {
      label: words.text("invoice.start_by"),
      value: formatWhen(formats, quote.startable_until, now),
      id: "invoice-start-by",
    },
    ...(quote.ends_at === null
      ? []
      : [{ label: words.text("invoice.ends"), value: formatWhen(formats, quote.ends_at, now), id: "invoice-ends" }]),
    ...payment(formats, quote),
    tax(formats, quote),
    {
      label: words.text("invoice.price"),
      value: formatMoney(formats, quote.amount_minor, quote.currency),
      strong: true,
      id: "invoice-price",
    },
  ];
}

/** The rows of a receipt. */
export function receiptFacts(formats: Formats, purchase: Purchase, operatorName: string): Fact[] {
  const { words } = formats;
  const rows: Fact[] = [
    { label: kindWord(words, purchase.item.kind), value: purchase.item.title, id: "receipt-title" },
    terms(formats, purchase),
    { label: words.text("receipt.bought"), value: formatMoment(formats, purchase.confirmed_at) },
  ];
  if (purchase.startable_until !== null) {
    rows.push({ label: words.text("invoice.start_by"), value: formatMoment(formats, purchase.startable_until) });
  }
  rows.push(
    {
      label: words.text("invoice.payment"),
      value: words.text(purchase.payment_type === "wallet" ? "receipt.paid_wallet" : "receipt.paid_api", {
        operator: operatorName,
      }),
    },
    { label: words.text("receipt.state"), value: words.text(`receipt.state.${purchase.state}`), id: "receipt-state" },
    { label: words.text("receipt.number"), value: purchase.purchase_id, id: "receipt-number" },
  );
  if (purchase.tax_minor > 0) {
    rows.push({
      label: words.text("receipt.tax"),
      value: formatMoney(formats, purchase.tax_minor, purchase.currency),
    });
  }
  rows.push({
    label: words.text("invoice.price"),
    value: formatMoney(formats, purchase.amount_minor, purchase.currency),
    strong: true,
    id: "receipt-price",
  });
  return rows;
}
