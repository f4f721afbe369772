"""Who does the work: the build queue, the runner, the daemon, the reaper and the provisioners."""
