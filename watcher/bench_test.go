package watcher

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"
)

// BenchmarkSave is the time from a save until the batch, beyond settle.
func BenchmarkSave(b *testing.B) {
	for _, settle := range []time.Duration{10 * time.Millisecond, 100 * time.Millisecond} {
		b.Run(fmt.Sprint("settle=", settle), func(b *testing.B) {
			dir := tempDir(b)
			name := filepath.Join(dir, "f")
			w := newTestWatcher(b)
			running(b, w)
			h, err := w.Add(Root{Dir: dir, Settle: settle})
			if err != nil {
				b.Fatal(err)
			}
			<-h.Batches()
			var sum time.Duration
			for b.Loop() {
				if err := os.WriteFile(name, []byte("x"), 0o644); err != nil {
					b.Fatal(err)
				}
				saved := time.Now()
				<-h.Batches()
				sum += time.Since(saved) - settle
			}
			b.ReportMetric(float64(sum.Microseconds())/float64(b.N), "µs-beyond-settle")
		})
	}
}

// BenchmarkStart sets the watches of 200 roots with 10 directories of 10
// files each and tells what they cost.
func BenchmarkStart(b *testing.B) {
	const roots, dirs, files = 200, 10, 10
	top := tempDir(b)
	for i := range roots {
		for j := range dirs {
			dir := filepath.Join(top, fmt.Sprint("root", i), fmt.Sprint("dir", j))
			if err := os.MkdirAll(dir, 0o755); err != nil {
				b.Fatal(err)
			}
			for k := range files {
				if err := os.WriteFile(filepath.Join(dir, fmt.Sprint("file", k)), nil, 0o644); err != nil {
					b.Fatal(err)
				}
			}
		}
	}
	var before, after runtime.MemStats
	for b.Loop() {
		runtime.GC()
		runtime.ReadMemStats(&before)
		w := newTestWatcher(b)
		running(b, w)
		var list []*Watch
		for i := range roots {
			h, err := w.Add(Root{Dir: filepath.Join(top, fmt.Sprint("root", i)), Top: top})
			if err != nil {
				b.Fatal(err)
			}
			list = append(list, h)
		}
		for _, h := range list {
			<-h.Batches()
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/1e3/roots, "KB/root")
		b.ReportMetric(float64(w.Health().Directories), "watches")
		for _, h := range list {
			h.Close()
		}
	}
}
