"""What a build wrote, brought to where readers get it: into a folder or a bucket."""
