"""Who may do what in the console: one line for each address. A route that is in no line fails its test.

Administrators may do everything. To look is open to everybody who is signed in, but for settings and secrets
of other systems, settlement files, and forms that only some may send.
"""

from typing import Final

from matinee.staff.types import Role

_EVERYBODY: Final = frozenset(Role)

_DOORS: Final[dict[frozenset[Role], str]] = {
    _EVERYBODY: """
        /  GET
        /cloud-sync  GET
        /cloud-sync/history  GET
        /cloud-sync/pending  GET
        /cloud-sync/rows  GET
        /cloud-sync/runs/{run_id}  GET
        /cloud-sync/{section}/changes  GET
        /cms/assets/{asset_id}  GET
        /cms/live-events  GET
        /cms/live-events.csv  GET
        /cms/live-events/preview  POST
        /cms/live-events/{item_id}  GET
        /cms/movies  GET
        /cms/movies.csv  GET
        /cms/movies/preview  POST
        /cms/movies/{item_id}  GET
        /cms/packages  GET
        /cms/ppv-rules  GET
        /cms/ppv-rules.csv  GET
        /cms/ppv-rules/preview  POST
        /cms/ppv-rules/{rule_id}  GET
        /cms/seasons  GET
        /cms/seasons.csv  GET
        /cms/seasons/preview  POST
        /cms/seasons/{item_id}  GET
        /crm/approvals  GET
        /crm/approvals.csv  GET
        /crm/customers  GET
        /crm/customers.csv  GET
        /crm/customers/{key}  GET
        /crm/customers/{key}/activity  GET
        /crm/customers/{key}/content  GET
        /crm/customers/{key}/content/{purchase}  GET
        /crm/customers/{key}/devices  GET
        /crm/customers/{key}/subscription  GET
        /crm/customers/{key}/wallet  GET
        /crm/products  GET
        /crm/products/api-provisions  GET
        /crm/products/api-provisions/{key}/calls  GET
        /crm/products/api-provisions/{key}/calls.csv  GET
        /crm/products/api-provisions/{key}/probe  GET
        /crm/products/api-provisions/{key}/probe/{probe_id}  GET
        /crm/products/{key}  GET
        /crm/tasks  GET
        /crm/waiting  GET
        /settings  GET
        /staff  GET
        /staff/{key}  GET
    """,
    frozenset({Role.ADMIN, Role.CATALOGUE}): """
        /cms/assets/{asset_id}/retry  POST
        /cms/live-events/new  GET POST
        /cms/live-events/{item_id}  POST
        /cms/live-events/{item_id}/archive  POST
        /cms/live-events/{item_id}/put-back  POST
        /cms/live-events/{item_id}/unarchive  POST
        /cms/live-events/{item_id}/withdraw  POST
        /cms/movies/new  GET POST
        /cms/movies/{item_id}  POST
        /cms/movies/{item_id}/archive  POST
        /cms/movies/{item_id}/put-back  POST
        /cms/movies/{item_id}/unarchive  POST
        /cms/movies/{item_id}/withdraw  POST
        /cms/packages  POST
        /cms/packages/{package_id}  GET POST
        /cms/packages/{package_id}/remove  POST
        /cms/ppv-rules/new  GET POST
        /cms/ppv-rules/{rule_id}  POST
        /cms/ppv-rules/{rule_id}/archive  POST
        /cms/ppv-rules/{rule_id}/unarchive  POST
        /cms/seasons/new  GET POST
        /cms/seasons/{item_id}  POST
        /cms/seasons/{item_id}/archive  POST
        /cms/seasons/{item_id}/episodes/new  GET POST
        /cms/seasons/{item_id}/episodes/{episode_id}  GET POST
        /cms/seasons/{item_id}/episodes/{episode_id}/move  POST
        /cms/seasons/{item_id}/episodes/{episode_id}/remove  POST
        /cms/seasons/{item_id}/put-back  POST
        /cms/seasons/{item_id}/unarchive  POST
        /cms/seasons/{item_id}/withdraw  POST
        /cms/uploads  POST
    """,
    frozenset({Role.ADMIN, Role.CATALOGUE, Role.INTEGRATION}): """
        /cloud-sync/run-all  POST
        /cloud-sync/runs/{run_id}/cancel  POST
        /cloud-sync/{section}/put-back  POST
        /cloud-sync/{section}/run  POST
    """,
    frozenset({Role.ADMIN, Role.CARE}): """
        /crm/customers/new  GET POST
        /crm/customers/{key}  POST
        /crm/customers/{key}/devices/remove  POST
        /crm/customers/{key}/disable  POST
        /crm/customers/{key}/enable  POST
        /crm/customers/{key}/erase  POST
        /crm/customers/{key}/password  POST
        /crm/customers/{key}/subscription  POST
        /crm/products/new  GET POST
        /crm/products/{key}  POST
        /crm/products/{key}/archive  POST
        /crm/products/{key}/restore  POST
    """,
    frozenset({Role.ADMIN, Role.CARE, Role.FINANCE}): """
        /crm/approvals/{key}/{decision}/reject  POST
        /crm/customers/{key}/content/{purchase}/ask  POST
        /crm/customers/{key}/content/{purchase}/free-grant  POST
        /crm/customers/{key}/content/{purchase}/refund  POST
        /crm/customers/{key}/content/{purchase}/settle  POST
        /crm/customers/{key}/grant  GET POST
        /crm/customers/{key}/rights/{right}/extend  GET POST
        /crm/customers/{key}/rights/{right}/revoke  POST
        /crm/customers/{key}/wallet  POST
    """,
    frozenset({Role.ADMIN, Role.FINANCE}): """
        /crm/approvals/{key}/{decision}/approve  POST
        /crm/customers/{key}/content/{purchase}/close-refund  POST
        /crm/reconciliation/{file_id}/apply  GET POST
        /crm/reconciliation/{file_id}/rows/{row_id}  POST
    """,
    frozenset({Role.ADMIN, Role.FINANCE, Role.INTEGRATION}): """
        /crm/reconciliation  GET
        /crm/reconciliation/new  GET POST
        /crm/reconciliation/{file_id}  GET
        /crm/reconciliation/{file_id}/cancel  POST
        /crm/reconciliation/{file_id}/columns  GET POST
        /crm/reconciliation/{file_id}/progress  GET
        /crm/reconciliation/{file_id}/report  GET
        /crm/reconciliation/{file_id}/report.csv  GET
        /crm/reconciliation/{file_id}/rows/{row_id}  GET
    """,
    frozenset({Role.ADMIN, Role.INTEGRATION}): """
        /crm/products/api-provisions/import  GET POST
        /crm/products/api-provisions/kit  GET
        /crm/products/api-provisions/new  GET POST
        /crm/products/api-provisions/preview  POST
        /crm/products/api-provisions/{key}  GET POST
        /crm/products/api-provisions/{key}/accept-d  POST
        /crm/products/api-provisions/{key}/export  GET
        /crm/products/api-provisions/{key}/probe  POST
        /crm/products/api-provisions/{key}/probe/stop  POST
        /crm/products/api-provisions/{key}/secrets  POST
        /crm/products/api-provisions/{key}/secrets/delete  POST
        /crm/products/api-provisions/{key}/switch-off  POST
        /crm/products/api-provisions/{key}/switch-on  POST
        /crm/products/api-provisions/{key}/test-call  GET POST
        /crm/products/api-provisions/{key}/try  POST
        /crm/products/api-provisions/{key}/versions  GET
        /crm/products/api-provisions/{key}/versions/{number}  GET
        /crm/products/api-provisions/{key}/versions/{number}/use  POST
        /webhooks  GET
        /webhooks/log  GET
        /webhooks/log/{customer}/{event}/{endpoint}  GET
        /webhooks/log/{customer}/{event}/{endpoint}/again  POST
        /webhooks/new  GET POST
        /webhooks/{key}  GET POST
        /webhooks/{key}/off  POST
        /webhooks/{key}/on  POST
        /webhooks/{key}/secret  POST
    """,
    frozenset({Role.ADMIN}): """
        /settings  POST
        /staff/new  GET POST
        /staff/{key}  POST
        /staff/{key}/disable  POST
        /staff/{key}/enable  POST
        /staff/{key}/password  POST
    """,
}

PUBLIC: Final = frozenset({
    "GET /console/sign-in", "POST /console/sign-in", "POST /console/sign-out", "GET /console/session",
    "GET /console/static/{path}",
})  # fmt: skip
"""Open without a session: to get one, to end one, to ask whether there is one, and what pages are made of."""


def _read() -> dict[str, frozenset[Role]]:
    found: dict[str, frozenset[Role]] = {}
    for roles, lines in _DOORS.items():
        for line in lines.split("\n"):
            path, *methods = line.split()[:3] or [""]
            for method in methods:
                name = f"{method} /console{path if path != '/' else ''}"
                assert name not in found, name
                found[name] = roles
    return found


DOORS: Final = _read()
"""Method and address, such as `GET /console/cms/movies`, and the roles that may."""
