"""UCF101 and VGGSound: sixteen classes that are seen in one data set and heard in the other."""
