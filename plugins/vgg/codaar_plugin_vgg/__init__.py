"""Video as VGG feature maps: an extractor, an encoder and a decoder."""
