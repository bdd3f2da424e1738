package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"assetsync/internal/lazyregexp"
)

// What the linker is told of a build by make, with -X. Nothing else sets them.
var (
	linkedVersion string // of git describe; "-dirty" at its end when files differ from the commit
	linkedCommit  string
	linkedDate    string // of the commit, RFC 3339
)

const (
	develVersion = "devel" // of a build that no tag names
	dirtyLinked  = "-dirty"
	dirtyBuilt   = "+dirty" // as the Go command says it
)

// build is which sources a program was made of. What is not known is empty.
type build struct {
	Version  string `json:"version"` // v1.2.3, v1.2.3-4-g04d0afa when later, or devel
	Commit   string `json:"commit"`
	Date     string `json:"date"`     // of the commit, RFC 3339
	Modified bool   `json:"modified"` // files differed from the commit
	OS       string `json:"os"`
	Arch     string `json:"arch"`
	Go       string `json:"go"`
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Show the version of assetsync",
		Long: `Show the version of assetsync: the tag that it was built of, or devel; the
commit and its date, where the build knew them; system, processor and Go.`,
		Example: "  assetsync version",
		Args:    noArgs,
		RunE: func(*cobra.Command, []string) error {
			b := thisBuild()
			if a.jsonOut {
				return a.writeEnvelope(envelope{Version: b.Version, Build: &b})
			}
			_, err := fmt.Fprintln(a.stdout, b)
			return err
		},
	}
}

// thisBuild is the build of this program.
func thisBuild() build {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{}
	}
	return describeBuild(build{Version: linkedVersion, Commit: linkedCommit, Date: linkedDate}, info)
}

// describeBuild completes what the linker was told by what the Go command has
// left in the program: of a build in a clone its settings, of one by a
// module's version the version alone.
func describeBuild(b build, info *debug.BuildInfo) build {
	b.OS, b.Arch, b.Go = runtime.GOOS, runtime.GOARCH, runtime.Version()
	if b.Version != "" {
		b.Version, b.Modified = strings.CutSuffix(b.Version, dirtyLinked)
		return b
	}
	b.Version, b.Modified = strings.CutSuffix(info.Main.Version, dirtyBuilt)
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Commit = s.Value
		case "vcs.time":
			b.Date = s.Value
		case "vcs.modified":
			b.Modified = b.Modified || s.Value == "true"
		}
	}
	if m := pseudoVersion().FindStringSubmatch(b.Version); m != nil {
		if at, err := time.Parse("20060102150405", m[1]); err == nil && b.Commit == "" {
			b.Commit, b.Date = m[2], at.Format(time.RFC3339)
		}
		if strings.HasPrefix(b.Version, "v0.0.0-") {
			b.Version = "" // no tag stands behind it
		}
	}
	if b.Version == "" || b.Version == "(devel)" {
		b.Version = develVersion
	}
	return b
}

// pseudoVersion is what the Go command calls a commit that has no tag: time
// and id follow the tag before it, or v0.0.0.
var pseudoVersion = lazyregexp.New(`[-.]([0-9]{14})-([0-9a-f]{12})$`)

// String says it in a line.
func (b build) String() string {
	text := "assetsync " + b.Version
	if b.Commit != "" {
		text += " " + b.Commit
	}
	if b.Date != "" {
		text += " " + b.Date
	}
	if b.Modified {
		text += " (with uncommitted changes)"
	}
	return fmt.Sprintf("%s %s/%s %s", text, b.OS, b.Arch, b.Go)
}

// userAgent names the program to the service: a product without spaces.
func (b build) userAgent() string {
	text := "assetsync/" + b.Version
	if b.Commit != "" && !strings.Contains(b.Version, b.Commit[:min(len(b.Commit), 7)]) {
		text += "+" + b.Commit[:min(len(b.Commit), 12)]
	}
	if b.Modified {
		text += ".dirty"
	}
	return text
}
