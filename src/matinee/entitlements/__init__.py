"""Who may play what until when, and the playback sessions in which they do."""
