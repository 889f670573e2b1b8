"""What the subscriber apps call: JSON under `/api`, described by OpenAPI.

Handlers are listed in the `ROUTES` of their module and may ask by name for `subscriber` (who is signed in,
`session_auth.Subscriber`; NotSignedIn otherwise), `operator` (of the host name), `database`, and whatever
else the application provides. Errors of `matinee.kernel.errors` become problem documents by themselves;
`problems.problem_response` answers with one that has members of its own. Changes are only taken as JSON
from a page of the same origin, but for what billing systems call (`callbacks`): they sign what they send.
"""

from litestar import Router
from litestar.di import Provide

from matinee.viewer_api import callbacks, playback, purchases, rentals, session
from matinee.viewer_api.bodies import ApiRequest
from matinee.viewer_api.hot import rights
from matinee.viewer_api.problems import EXCEPTION_HANDLERS
from matinee.viewer_api.session_auth import check_origin, current_subscriber

LARGEST_BODY_BYTES = 64 * 1024


def create_router() -> Router:
    """Return the router for `/api`."""
    return Router(
        path="/api",
        route_handlers=[
            *session.ROUTES,
            *purchases.ROUTES,
            *rentals.ROUTES,
            *playback.ROUTES,
            *rights.ROUTES,
            *callbacks.ROUTES,
        ],
        dependencies={"subscriber": Provide(current_subscriber)},
        guards=[check_origin],
        exception_handlers=EXCEPTION_HANDLERS,
        request_class=ApiRequest,
        request_max_body_size=LARGEST_BODY_BYTES,
    )
