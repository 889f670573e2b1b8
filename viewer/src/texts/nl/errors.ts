import type { errors as english } from "../en/errors";

/** What went wrong, by the code that the service gives. */
export const errors: Record<keyof typeof english, string> = {
  "error.title": "Er ging iets mis",
  "error.unreachable": "We kunnen de dienst niet bereiken. Controleer uw verbinding.",
  "error.unknown": "Dat lukte niet. Probeer het opnieuw.",
  "error.wrong_credentials": "Deze gebruikersnaam en dit wachtwoord horen niet bij elkaar.",
  "error.too_many_requests": "Te veel pogingen. Wacht even en probeer het dan opnieuw.",
  "error.not_signed_in": "Log eerst in.",
  "error.not_found": "We konden dat niet vinden.",
  "error.not_for_sale": "Dit is voor u op dit moment niet te koop.",
  "error.subscription_cannot_rent": "Met uw abonnement kunt u geen losse films huren. Uw aanbieder kan dat veranderen.",
  "error.customer_not_active": "Uw abonnement is niet actief, dus u kunt geen film huren. Neem contact op met uw aanbieder.",
  "error.spending_limit": "Met deze huur komt u boven uw maandelijkse bestedingslimiet.",
  "error.wallet_too_low": "Er staat niet genoeg tegoed op uw rekening voor deze film.",
  "error.not_entitled": "U moet dit eerst huren.",
  "error.not_started": "Dit live-evenement is nog niet begonnen. Op de pagina staat wanneer.",
  "error.cannot_cancel": "Deze huur kan niet meer worden geannuleerd.",
  "error.right_ended": "De tijd om dit te bekijken is om.",
  "error.too_many_streams": "U kijkt al op zoveel apparaten als uw abonnement toelaat. Stop er een en probeer het opnieuw.",
  "error.customer_disabled": "Uw account is uitgeschakeld. Neem contact op met uw aanbieder.",
  "error.not_ready": "Deze film wordt nog voorbereid. Probeer het over een paar minuten opnieuw.",
  "error.too_many_devices": "Dit account is op zoveel apparaten in gebruik als mogelijk is. Vraag uw aanbieder er een te verwijderen.",
  "error.device_taken": "Iemand anders is op dit apparaat ingelogd. Log daar eerst uit.",
  "error.session_ended": "Het afspelen is gestopt. Druk op Afspelen om verder te gaan.",
  "error.internal_error": "Er ging bij ons iets mis. Probeer het opnieuw.",
  "error.unavailable": "De dienst is op dit moment druk. Probeer het opnieuw.",
};
