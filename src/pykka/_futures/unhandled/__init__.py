"""Questions that are not handled: their askers have taken them back, or have given up."""
