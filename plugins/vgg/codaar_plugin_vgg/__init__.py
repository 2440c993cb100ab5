"""Video as VGG feature maps: an encoder and a decoder."""
