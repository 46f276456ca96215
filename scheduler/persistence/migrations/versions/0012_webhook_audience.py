"""Whom a webhook tells: the blinded of visits, or the plant of steps."""

import sqlalchemy as sa
from alembic import op

from scheduler.persistence.guards import Guards

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One column, which is as fixed as the others; the guards of the table have to know it."""
    op.add_column("webhook", sa.Column("audience", sa.String(), nullable=False, server_default="blinded"))
    guards = Guards({"webhook": ("revoked_at", "sequence")})
    guards.take_down()
    guards.put_up()
