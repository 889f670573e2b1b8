"""The back office: server-rendered pages under `/console`.

How to add a page
-----------------
1. Write handlers in a module such as `console/crm/customers.py` and list them in `ROUTES`:

       @get("/crm/customers")                           # relative to /console; sign-in is already required
       async def customers(
           request: ConsoleRequest, database: ConsoleDatabase, operator: CurrentOperator
       ) -> Response[Any]:
           query = list_query(request, SPEC)
           async with database.transaction(operator.operator_id) as tx:
               page = await list_customers(tx, operator_id=operator.operator_id, query=query)
           return render(request, "crm/customers.html", table=Table(SPEC, page))

       @post("/crm/customers/new", guards=[allow(Role.CARE)], status_code=303)     # who may change it
       async def create(
           request: ConsoleRequest, database: ConsoleDatabase, operator: CurrentOperator, staff: CurrentStaff
       ) -> Response[Any]:
           form = await read_form(request, CustomerForm)            # unknown fields: Invalid
           if form.validate():
               try:
                   async with database.transaction(operator.operator_id) as tx:
                       ... await create_customer(tx, ..., actor=staff.actor, now=await tx.now())
                   return redirect(request, "/console/crm/customers", toast="Customer added.")
               except Invalid as error:
                   show_errors(form, error)                         # beside the fields
           return render(request, "crm/customer_form.html", status=422, form=form)

   `database`, `storage`, `operator`, `staff` and every port that main passes in `extras` are
   dependencies by name (typed `NamedDependency[Port]`; the four are in console/services.py); a path
   parameter is typed `FromPath[str]` and read by `kernel.ids.parse_id`. Handlers open transactions;
   templates and view objects never query.
2. Add `*customers.ROUTES` to `console/pages.py`; the left column is `console/navigation.py`.
3. Templates extend `base.html` (blocks `title`, `actions`, `content`) and take macros from

       {% from "macros/forms.html" import form_start, field, choice_cards, section, save_bar %}
       {% from "macros/tables.html" import toolbar, listing, no_rows %}
       {% from "macros/layout.html" import badge, notice, empty, confirm_dialog, reason_dialog, back_link %}

   each of which says at its top how it is called. `view` is always there: `view.operator`,
   `view.staff`, `view.may("care")`, `view.money(minor, currency)`, `view.when(instant)`.
   No inline script and no style attribute: the policy refuses them. Behaviour hangs on `data-`
   attributes (static/js/*.js); htmx is there with the CSRF header set on the body.
4. `matinee.kernel.errors` become pages by themselves (console/errors.py): 401, 403, 404, 409, 422, 429, 503.
   An action that needs a reason is done inside `asking_again` (console/reasons.py): Invalid then asks for it anew.
5. CSV: a route `PATH.csv` that returns `csv_response(name, header, rows)`, with `every_row` and
   `has_csv=True` in the ListSpec.
6. The page of Cloud Sync also answers `GET /console/cloud-sync/pending` with the fragment
   `fragments/sync_status.html` (context: `count`); every page fetches it into its header.
"""

from matinee.console.router import create_router

__all__ = ["create_router"]
