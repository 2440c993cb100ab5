"""VGGSound-AVEL: the features that the public releases of CMG and CoDAAR are pretrained on."""
