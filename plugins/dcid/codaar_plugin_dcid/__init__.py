"""DCID: small mutual information of codes and private features."""
