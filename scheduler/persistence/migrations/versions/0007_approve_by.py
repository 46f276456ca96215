"""Until when a proposed plan can be approved."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One column; the guards of its table refuse every change of a row, whatever its columns."""
    op.add_column("proposal", sa.Column("approve_by", sa.DateTime(timezone=True), nullable=True))
