"""Payment card numbers; the check itself is shared by every domain that takes free text."""

from matinee.kernel.cards import contains_card_number, mask_card_numbers

__all__ = ["contains_card_number", "mask_card_numbers"]
