"""The form of an API provision: its fields, what is typed into them, and the settings that they stand for."""

from matinee.console.crm.api_provisions.form.defaults import NEW
from matinee.console.crm.api_provisions.form.fields import ProvisionForm
from matinee.console.crm.api_provisions.form.filling import form_of
from matinee.console.crm.api_provisions.form.reading import config_of

__all__ = ["NEW", "ProvisionForm", "config_of", "form_of"]
