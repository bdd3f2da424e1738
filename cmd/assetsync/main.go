// Command assetsync keeps AWS DevOps Agent assets equal to directories.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"
)

func main() {
	os.Exit(mainCode())
}

// mainCode is main without the exit, so that what is deferred runs.
func mainCode() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	cwd, err := os.Getwd()
	a := &app{
		stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr,
		getenv: os.LookupEnv, now: time.Now, cwd: cwd, collectAt: debug.SetGCPercent, freeMemory: debug.FreeOSMemory,
	}
	if err != nil {
		return a.fail(err)
	}
	return a.run(ctx, os.Args[1:])
}
