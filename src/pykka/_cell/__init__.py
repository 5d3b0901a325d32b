"""The state of one actor: what outlives the actor object, and what lies in its inbox."""
