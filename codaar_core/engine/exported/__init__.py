"""The folder of an exported model: its manifest, its recipe, and how paths of the exporting machine are kept out."""
