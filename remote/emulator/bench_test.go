package emulator_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"assetsync/manifest"
	"assetsync/remote/emulator"
)

// BenchmarkListAssets lists a space of 100 skills of 99 files.
func BenchmarkListAssets(b *testing.B) {
	u := newUser(b, newServer(b, func(o *emulator.Options) { o.Path = filepath.Join(b.TempDir(), "e.db") }))
	files := skillFiles()
	for i := range 97 {
		files[manifest.Path(fmt.Sprintf("references/file-%02d.md", i))] = "a reference\n"
	}
	for range 100 {
		u.create(files)
	}
	b.ReportAllocs()
	for b.Loop() {
		if n := len(u.assets()); n != 100 {
			b.Fatalf("%d assets", n)
		}
	}
}
