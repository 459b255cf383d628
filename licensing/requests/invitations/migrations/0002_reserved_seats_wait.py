"""A seat is reserved if and only if a pending invitation of its subscription holds it.

The invitation's CHECK ties its end to its seat, the column's UNIQUE constraint allows one invitation a seat, and the
seat's CHECK no holder meanwhile. What is left is that both say the same: deferred, as they are written one after the
other.
"""

from django.db import migrations

CREATE = """
CREATE FUNCTION public.invitations_check_reservation(checked_seat bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM public.entitlements_seat AS seat
        LEFT JOIN public.invitations_teacherinvitation AS invitation ON invitation.seat_id = seat.id
        WHERE seat.id = checked_seat
          AND ((seat.reserved_at IS NULL) <> (invitation.id IS NULL)
               OR invitation.subscription_id <> seat.subscription_id)
    ) THEN
        RAISE EXCEPTION 'Seat % is not reserved as its invitation says', checked_seat USING
            ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'reserved_seat_waits';
    END IF;
END $$;

CREATE FUNCTION public.invitations_seat_waits() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM public.invitations_check_reservation(NEW.id);
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER reserved_seat_waits_on_insert AFTER INSERT ON public.entitlements_seat
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.reserved_at IS NOT NULL)
    EXECUTE FUNCTION public.invitations_seat_waits();
CREATE CONSTRAINT TRIGGER reserved_seat_waits AFTER UPDATE OF reserved_at, subscription_id ON public.entitlements_seat
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (OLD.reserved_at IS DISTINCT FROM NEW.reserved_at OR OLD.subscription_id <> NEW.subscription_id)
    EXECUTE FUNCTION public.invitations_seat_waits();

CREATE FUNCTION public.invitations_invitation_reserves() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' AND OLD.seat_id IS NOT NULL THEN
        PERFORM public.invitations_check_reservation(OLD.seat_id);
    END IF;
    IF TG_OP <> 'DELETE' AND NEW.seat_id IS NOT NULL THEN
        PERFORM public.invitations_check_reservation(NEW.seat_id);
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER invitation_reserves
    AFTER INSERT OR DELETE OR UPDATE OF seat_id, subscription_id ON public.invitations_teacherinvitation
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.invitations_invitation_reserves();
"""
DROP = """
DROP FUNCTION public.invitations_seat_waits() CASCADE;
DROP FUNCTION public.invitations_invitation_reserves() CASCADE;
DROP FUNCTION public.invitations_check_reservation(bigint) CASCADE;
"""


class Migration(migrations.Migration):
    dependencies = [("invitations", "0001_initial"), ("entitlements", "0001_initial")]
    operations = [migrations.RunSQL(CREATE, DROP)]
