package main

import assetsync "assetsync/sync"

// What a config is expanded to is what the engine takes.
type (
	Target       = assetsync.Target
	CreatePolicy = assetsync.CreatePolicy
)

const (
	CreateDefault = assetsync.CreateDefault
	CreateAlways  = assetsync.CreateAlways
	CreateNever   = assetsync.CreateNever
)
