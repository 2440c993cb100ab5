"""UCF101<->VGGSound: sixteen classes in video clips of one data set and audio clips of the other."""
