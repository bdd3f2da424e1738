// Command assetsync keeps AWS DevOps Agent assets equal to directories.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime"
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
		getenv: os.LookupEnv, now: time.Now, cwd: cwd, collectAt: debug.SetGCPercent, freeMemory: freeMemory,
	}
	if err != nil {
		return a.fail(err)
	}
	return a.run(ctx, os.Args[1:])
}

// worthFreeing is how much memory the heap may hold, in bytes, before it costs more to
// give it back than to keep it: 20 ms of CPU for a megabyte or two. A daemon of one
// target stays below.
const worthFreeing = 24 << 20

// freeMemory gives memory back that nothing needs any more.
func freeMemory() {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	if m.HeapSys-m.HeapReleased > worthFreeing {
		debug.FreeOSMemory()
	}
}
