"""What is done with settlement files, each as part of one transaction."""
