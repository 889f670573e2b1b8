"""CRM > Products > API Provisions: the pages of one provision beside its settings."""
