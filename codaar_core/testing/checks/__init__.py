"""The rules, one small file for each kind of component and for what several kinds share."""
