"""Statistics that bound an error: exact, no approximation by a normal curve."""

from scipy.special import betaincinv


def clopper_pearson(successes: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """Bound a proportion from both sides (Clopper and Pearson, 1934).

    Args:
        successes: how often it was right.
        trials: how often it was tried.
        confidence: probability that the true proportion is inside, at least.

    Returns:
        Lower and upper bound; 0 and 1 without a trial.
    """
    if trials == 0:
        return 0.0, 1.0
    tail = (1 - confidence) / 2
    lower = 0.0 if successes == 0 else float(betaincinv(successes, trials - successes + 1, tail))
    upper = 1.0 if successes == trials else float(betaincinv(successes + 1, trials - successes, 1 - tail))
    return lower, upper
