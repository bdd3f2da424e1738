package sync

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"assetsync/diff"
	"assetsync/manifest"
	"assetsync/sync/state"
)

// Consent is what the user allowed for one run; there is no general force.
type Consent struct {
	Empty       bool     // --allow-empty
	Deletes     int      // --allow-deletes N
	DeletePaths []string // --allow-deletes PATH: main files
	Protected   bool     // --allow-protected
	Adopt       bool     // --adopt
	Create      bool     // --create
	Now         bool     // --now
	Rollback    bool     // --rollback
	SecretPaths []string // --allow-secret PATH: in the target, or with its name before
}

// guardStop is one refusal.
type guardStop struct {
	guard   string // its stable name
	message string
	hint    string // the consent
}

const (
	// deleteWindow is how far back earlier deletions count for the cap, so
	// that many small runs do not pass what one large run may not.
	deleteWindow = time.Hour

	// smallBase is up to how many files the percentage is left out: one
	// file of three is a third.
	smallBase = 3

	// strangerShare is the least share of the base's paths that a directory
	// must still hold to be taken for the one that was published before.
	strangerShare = 0.1
)

// guardInput is all that the guards look at.
type guardInput struct {
	target   Target
	consent  Consent
	main     manifest.Path
	now      time.Time
	record   state.Asset
	local    diff.Side
	remote   diff.Side
	version  int32 // observed
	metadata map[string]any
	changes  []diff.Change // to publish, or to check out
	writes   bool          // something is published, metadata included
	side     string        // where the changes land: "remote" or "local"
	secrets  []secretFile  // what the changes would publish of credentials
}

// guards returns every refusal, the gravest first.
func guards(in guardInput) []guardStop {
	var stops []guardStop
	for _, check := range []func(guardInput) *guardStop{guardRoot, guardOlder, guardMainFile, guardDeletes, guardSecrets, guardProtected, guardOwnership} {
		if s := check(in); s != nil {
			stops = append(stops, *s)
		}
	}
	return stops
}

// guardRoot stops when a side has turned up empty, or holds hardly anything
// of what it held: an unmounted disk, a wrong directory, another asset.
func guardRoot(in guardInput) *guardStop {
	if in.consent.Empty {
		return nil
	}
	local := guardSide(in, in.local, in.target.Path, in.side == "remote", func(p state.Pair) bool { return p.Local != nil })
	remote := guardSide(in, in.remote, "the asset", in.side == "local", func(p state.Pair) bool { return p.Remote != nil })
	if in.side == "local" {
		return cmp.Or(remote, local)
	}
	return cmp.Or(local, remote)
}

// guardSide looks at one side. Only what the changes come from has to look
// like itself; neither may turn up empty.
func guardSide(in guardInput, side diff.Side, name string, origin bool, held func(state.Pair) bool) *guardStop {
	had, kept := 0, 0
	enough := max(1, strangerShare*float64(len(in.record.Base)))
	for p, pair := range in.record.Base.All() {
		if float64(kept) >= enough {
			return nil // however many it held
		}
		if !held(pair) {
			continue
		}
		had++
		if _, ok := side.Tree.Lookup(p); ok || side.Unknown.Has(p) {
			kept++
		}
	}
	const hint = "if that is meant, allow it with --allow-empty"
	switch {
	case had == 0:
		return nil
	case side.Tree.Len() == 0 && kept == 0:
		return &guardStop{"root", fmt.Sprintf("%s is empty, but held %s when it was last in step", name, countFiles(had)), hint}
	case origin && had > smallBase && float64(kept) < strangerShare*float64(had):
		return &guardStop{"root", fmt.Sprintf("%s holds %d of the %d files that it held when it was last in step: it looks like another one", name, kept, had), hint}
	}
	return nil
}

// guardOlder stops when the remote went back: versions only ever rise.
func guardOlder(in guardInput) *guardStop {
	if in.consent.Empty || in.version >= in.record.Version {
		return nil
	}
	return &guardStop{"root", fmt.Sprintf("the asset is at version %d, but was at version %d before: it is another one, or was restored from a backup", in.version, in.record.Version),
		"if that is meant, allow it with --allow-empty"}
}

func deletions(changes []diff.Change) (paths []manifest.Path) {
	for _, c := range changes {
		if c.New == nil {
			paths = append(paths, c.Path)
		}
	}
	return paths
}

// losses returns the deletions of files whose content is at no new path: a file
// that is only renamed is not lost.
func losses(changes []diff.Change) (paths []manifest.Path) {
	created := map[manifest.ID]int{}
	for _, c := range changes {
		if c.Old == nil {
			created[c.New.ID]++
		}
	}
	for _, c := range changes {
		switch {
		case c.New != nil:
		case created[c.Old.ID] > 0:
			created[c.Old.ID]--
		default:
			paths = append(paths, c.Path)
		}
	}
	return paths
}

// guardMainFile stops the deletion of the file that the type needs.
func guardMainFile(in guardInput) *guardStop {
	if !slices.Contains(deletions(in.changes), in.main) || slices.Contains(in.consent.DeletePaths, string(in.main)) {
		return nil
	}
	return &guardStop{"main file", fmt.Sprintf("%s would be deleted, which assets of type %s cannot be without", in.main, in.target.Type),
		fmt.Sprintf("restore the file, or allow it with --allow-deletes %d --allow-deletes %s", len(losses(in.changes)), in.main)}
}

// guardDeletes stops more deletions than the target allows, those of the last
// hour included. Renamed files do not count.
func guardDeletes(in guardInput) *guardStop {
	paths := losses(in.changes)
	if len(paths) == 0 || len(paths) <= in.consent.Deletes {
		return nil
	}
	earlier := 0
	for _, d := range in.record.Deletions {
		if d.Side == in.side && isRecent(d.At, in.now, deleteWindow) {
			earlier += d.Files
		}
	}
	total := len(paths) + earlier
	base := len(in.record.Base) + earlier
	overShare := base > smallBase && total*100 > in.target.MaxDeletePercent*base
	if total <= in.target.MaxDeletes && !overShare {
		return nil
	}
	var history string
	if earlier > 0 {
		history = fmt.Sprintf(", after %d in the last hour", earlier)
	}
	return &guardStop{"delete cap", fmt.Sprintf("%s of %d would be deleted%s (deletes.max_files %d, max_percent %d): %s",
		countFiles(len(paths)), base, history, in.target.MaxDeletes, in.target.MaxDeletePercent, some(paths)),
		fmt.Sprintf("if that is meant, allow it with --allow-deletes %d", len(paths))}
}

func guardProtected(in guardInput) *guardStop {
	if !in.target.Protected || !in.writes || in.side != "remote" || in.consent.Protected {
		return nil
	}
	return &guardStop{"protected", "the target is protected", "look at it with --dry-run, then allow it with --allow-protected"}
}

func guardOwnership(in guardInput) *guardStop {
	why := ownership(in.metadata)
	if why == "" || !in.writes || in.side != "remote" || in.consent.Adopt {
		return nil
	}
	return &guardStop{"ownership", "the asset is not this config's: " + why, "if you want to take it over, allow it with --adopt"}
}

func countFiles(n int) string {
	if n == 1 {
		return "1 file"
	}
	return fmt.Sprintf("%d files", n)
}

// mostShown is how many characters of a text of the remote people are shown.
const mostShown = 300

func shortened(s string) string {
	if r := []rune(s); len(r) > mostShown {
		return string(r[:mostShown]) + "…"
	}
	return s
}

// shownName is a name of the remote as people can be shown it: one that would
// move the cursor or turn the text around is quoted.
func shownName(p manifest.Path) string {
	if strings.ContainsFunc(string(p), func(r rune) bool { return !strconv.IsPrint(r) }) {
		return strconv.Quote(shortened(string(p)))
	}
	return shortened(string(p))
}

// some joins the first few names.
func some[T ~string](names []T) string {
	var b strings.Builder
	for i, name := range names {
		if i == mostNotes {
			fmt.Fprintf(&b, " and %d more", len(names)-mostNotes)
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(string(name))
	}
	return b.String()
}
