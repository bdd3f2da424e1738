package main

import (
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const someCommit = "04d0afa9c0ffee00c0ffee00c0ffee00c0ffee00"

// TestDescribeBuild reads what each way of building leaves behind.
func TestDescribeBuild(t *testing.T) {
	const day = "2026-11-26T17:57:00Z"
	inClone := func(version, modified string) *debug.BuildInfo {
		return &debug.BuildInfo{Main: debug.Module{Version: version}, Settings: []debug.BuildSetting{
			{Key: "-trimpath", Value: "true"}, {Key: "vcs", Value: "git"},
			{Key: "vcs.revision", Value: someCommit}, {Key: "vcs.time", Value: day}, {Key: "vcs.modified", Value: modified},
		}}
	}
	byModule := func(version string) *debug.BuildInfo {
		return &debug.BuildInfo{Main: debug.Module{Version: version}}
	}
	tests := []struct {
		name      string
		linked    build
		info      *debug.BuildInfo
		want      build
		userAgent string
	}{
		{"make, at a tag", build{Version: "v1.2.3", Commit: someCommit, Date: day}, byModule("(devel)"),
			build{Version: "v1.2.3", Commit: someCommit, Date: day}, "assetsync/v1.2.3+04d0afa9c0ff"},
		{"make, after a tag", build{Version: "v1.2.3-4-g04d0afa", Commit: someCommit, Date: day}, byModule("(devel)"),
			build{Version: "v1.2.3-4-g04d0afa", Commit: someCommit, Date: day}, "assetsync/v1.2.3-4-g04d0afa"},
		{"make, no tag, dirty", build{Version: "devel-dirty", Commit: someCommit, Date: day}, inClone("v9.9.9", "false"),
			build{Version: "devel", Commit: someCommit, Date: day, Modified: true}, "assetsync/devel+04d0afa9c0ff.dirty"},
		{"make, without git", build{Version: "devel"}, byModule("(devel)"),
			build{Version: "devel"}, "assetsync/devel"},
		{"go build, at a tag", build{}, inClone("v1.2.3", "false"),
			build{Version: "v1.2.3", Commit: someCommit, Date: day}, "assetsync/v1.2.3+04d0afa9c0ff"},
		{"go build, no tag", build{}, inClone("v0.0.0-20261126175700-04d0afa9c0ff", "false"),
			build{Version: "devel", Commit: someCommit, Date: day}, "assetsync/devel+04d0afa9c0ff"},
		{"go build, after a tag, dirty", build{}, inClone("v1.2.4-0.20261126175700-04d0afa9c0ff+dirty", "true"),
			build{Version: "v1.2.4-0.20261126175700-04d0afa9c0ff", Commit: someCommit, Date: day, Modified: true}, "assetsync/v1.2.4-0.20261126175700-04d0afa9c0ff.dirty"},
		{"go build, older Go", build{}, inClone("(devel)", "true"),
			build{Version: "devel", Commit: someCommit, Date: day, Modified: true}, "assetsync/devel+04d0afa9c0ff.dirty"},
		{"go install of a version", build{}, byModule("v1.2.3"),
			build{Version: "v1.2.3"}, "assetsync/v1.2.3"},
		{"go install of a commit", build{}, byModule("v0.0.0-20261126175700-04d0afa9c0ff"),
			build{Version: "devel", Commit: "04d0afa9c0ff", Date: day}, "assetsync/devel+04d0afa9c0ff"},
		{"go run, or a tarball", build{}, byModule("(devel)"), build{Version: "devel"}, "assetsync/devel"},
		{"no build info", build{}, &debug.BuildInfo{}, build{Version: "devel"}, "assetsync/devel"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.want.OS, tt.want.Arch, tt.want.Go = runtime.GOOS, runtime.GOARCH, runtime.Version()
			got := describeBuild(tt.linked, tt.info)
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("build (-want +got):\n%s", d)
			}
			if got.userAgent() != tt.userAgent {
				t.Errorf("user agent %q, want %q", got.userAgent(), tt.userAgent)
			}
		})
	}
}

func TestBuildString(t *testing.T) {
	b := build{Version: "v1.2.3", Commit: "04d0afa", Date: "2026-11-26T17:57:00Z", OS: "linux", Arch: "amd64", Go: "go1.26.0"}
	if got, want := b.String(), "assetsync v1.2.3 04d0afa 2026-11-26T17:57:00Z linux/amd64 go1.26.0"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	b = build{Version: "devel", Modified: true, OS: "linux", Arch: "amd64", Go: "go1.26.0"}
	if got, want := b.String(), "assetsync devel (with uncommitted changes) linux/amd64 go1.26.0"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
