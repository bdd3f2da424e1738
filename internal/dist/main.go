// Command dist makes the archives of a release from programs that were built.
// Only make runs it; see "make dist".
//
//	dist -version V -time RFC3339 -bin DIR -out DIR OS/ARCH...
//
// For each platform it takes DIR/assetsync-OS-ARCH (.exe for Windows) and
// writes assetsync-V-OS-ARCH.tar.gz (.zip for Windows), in which everything is
// below a directory of that name, and SHA256SUMS beside them. The files come
// from the working directory, the top of the sources.
//
// The same bytes in give the same bytes out, wherever and whenever: the order
// is fixed, everything belongs to root, files were changed at the given time,
// and their modes are those of this program, not of the disk.
package main

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "dist:", err)
		os.Exit(1)
	}
}

// versionForm keeps a version from being a path.
var versionForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._+-]*$`)

func run(args []string) error {
	r := release{top: "."}
	f := flag.NewFlagSet("dist", flag.ContinueOnError)
	f.StringVar(&r.version, "version", "", "the version, a part of the names")
	f.StringVar(&r.bin, "bin", "bin", "where the programs are")
	f.StringVar(&r.out, "out", "dist", "where the archives go; what is there of a release is replaced")
	at := f.String("time", "", "when the files were changed, RFC 3339; the start of what a zip can say when empty")
	if err := f.Parse(args); err != nil {
		return err
	}
	if !versionForm.MatchString(r.version) {
		return fmt.Errorf("-version %q is no version", r.version)
	}
	r.time = firstZipTime
	if *at != "" {
		t, err := time.Parse(time.RFC3339, *at)
		if err != nil {
			return fmt.Errorf("-time: %w", err)
		}
		r.time = t
	}
	for _, p := range f.Args() {
		system, arch, ok := strings.Cut(p, "/")
		if !ok || !versionForm.MatchString(system) || !versionForm.MatchString(arch) {
			return fmt.Errorf("%q is no platform: want OS/ARCH", p)
		}
		r.platforms = append(r.platforms, platform{system, arch})
	}
	return r.write()
}
