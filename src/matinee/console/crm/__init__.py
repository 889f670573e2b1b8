"""CRM: customers with what they bought, products, and the provisions that charge for them."""
