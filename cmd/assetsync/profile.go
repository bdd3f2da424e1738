package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
	"runtime/trace"

	"github.com/spf13/cobra"
)

// profiles are what a run writes about itself, for whoever makes it faster: the
// hidden flags --cpuprofile, --memprofile and --trace, as those of go test. The
// zero value writes nothing.
type profiles struct {
	cpu, memory, trace string // files; "" for none
	ends               []func() error
}

// flags adds the flags to all commands below root; --help does not show them.
func (p *profiles) flags(root *cobra.Command) {
	f := root.PersistentFlags()
	f.StringVar(&p.cpu, "cpuprofile", "", "write a CPU profile to `FILE`")
	f.StringVar(&p.memory, "memprofile", "", "write a profile of all allocations to `FILE`")
	f.StringVar(&p.trace, "trace", "", "write an execution trace to `FILE`")
	for _, name := range []string{"cpuprofile", "memprofile", "trace"} {
		f.Lookup(name).Hidden = true
	}
}

// start begins what the flags ask for; abs makes their files absolute. Also when
// it fails, stop must be called.
func (p *profiles) start(abs func(string) string) error {
	if p.memory != "" {
		runtime.MemProfileRate = 16 << 10 // a run of some milliseconds allocates little
	}
	for _, kind := range []struct {
		flag, name string
		begin      func(*os.File) (end func() error, err error)
	}{
		{"cpuprofile", p.cpu, beginCPU},
		{"trace", p.trace, beginTrace},
		{"memprofile", p.memory, beginMemory},
	} {
		if kind.name == "" {
			continue
		}
		f, err := os.Create(abs(kind.name))
		if err != nil {
			return usageError(err, "name a file that can be written", "--%s: %v", kind.flag, err)
		}
		end, err := kind.begin(f)
		if err != nil {
			return errors.Join(fmt.Errorf("start --%s: %w", kind.flag, err), f.Close())
		}
		p.ends = append(p.ends, func() error {
			if err := errors.Join(end(), f.Close()); err != nil {
				return fmt.Errorf("write --%s: %w", kind.flag, err)
			}
			return nil
		})
	}
	return nil
}

func beginCPU(f *os.File) (func() error, error) {
	return func() error { pprof.StopCPUProfile(); return nil }, pprof.StartCPUProfile(f)
}

func beginTrace(f *os.File) (func() error, error) {
	return func() error { trace.Stop(); return nil }, trace.Start(f)
}

func beginMemory(f *os.File) (func() error, error) {
	return func() error {
		runtime.GC() // what is in use is told as of the last collection
		return pprof.Lookup("allocs").WriteTo(f, 0)
	}, nil
}

// stop writes what was begun.
func (p *profiles) stop() error {
	var errs []error
	for _, end := range p.ends {
		errs = append(errs, end())
	}
	p.ends = nil
	return errors.Join(errs...)
}
