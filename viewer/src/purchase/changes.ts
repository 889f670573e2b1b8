import type { Quote } from "../api/types";

export type QuoteChange =
  | { kind: "price"; before: { amountMinor: number; currency: string }; after: { amountMinor: number; currency: string } }
  | { kind: "tax" }
  | { kind: "rule" }
  | { kind: "payment" }
  | { kind: "expired" };

/** What differs between the invoice that was read and the one that replaces it, most important first. */
export function quoteChanges(before: Quote, after: Quote): QuoteChange[] {
  const changes: QuoteChange[] = [];
  if (before.amount_minor !== after.amount_minor || before.currency !== after.currency) {
    changes.push({
      kind: "price",
      before: { amountMinor: before.amount_minor, currency: before.currency },
      after: { amountMinor: after.amount_minor, currency: after.currency },
    });
  } else if (before.tax_minor !== after.tax_minor || before.tax_rate_basis_points !== after.tax_rate_basis_points) {
    changes.push({ kind: "tax" });
  }
  if (
    before.rule_name !== after.rule_name ||
    before.rule_unit !== after.rule_unit ||
    before.rule_quantity !== after.rule_quantity ||
    before.finish_window_hours !== after.finish_window_hours
  ) {
    changes.push({ kind: "rule" });
  }
  if (before.payment.type !== after.payment.type) changes.push({ kind: "payment" });
  return changes.length > 0 ? changes : [{ kind: "expired" }];
}
