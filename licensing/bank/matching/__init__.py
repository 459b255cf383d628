"""Proposals for statement lines: which order, or which payment recorded before, a line may be. They book nothing."""

from licensing.bank.matching.match_proposal import Certainty, MatchProposal, PaymentShare
from licensing.bank.matching.proposals import propose_for_lines

__all__ = ["Certainty", "MatchProposal", "PaymentShare", "propose_for_lines"]
