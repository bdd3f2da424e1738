package sync

import (
	"context"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"assetsync/diff"
	"assetsync/manifest"
	"assetsync/sync/lint"
)

// secretFile is a file, or a key of the metadata, that is about to be published and
// looks like it holds credentials.
type secretFile struct {
	path   manifest.Path
	full   string   // what people give for it: the target's name before the path
	places []string // where, without the secret
}

// secretsOf looks for credentials in what changes and metadata would publish: in
// the bytes and names of files, and in values. What the target allows is not read.
func (r *run) secretsOf(ctx context.Context, changes []diff.Change, metadata map[string]any) ([]secretFile, error) {
	var found []secretFile
	add := func(p manifest.Path, places []string) {
		if len(places) > 0 {
			found = append(found, secretFile{p, r.fullPath(p), places})
		}
	}
	for _, c := range changes {
		if c.New == nil || r.mayBeSecret.Match(c.Path) {
			continue
		}
		data, err := r.content(ctx, *c.New)
		if err != nil {
			return nil, fmt.Errorf("look for credentials: %w", err)
		}
		var places []string
		for _, f := range r.scanner.Scan(data) {
			places = append(places, fmt.Sprintf("%s:%d (%s: %s)", c.Path, f.Line, f.Rule, f.Excerpt))
		}
		if c.Old == nil {
			for _, f := range r.scanner.ScanName(string(c.Path)) {
				places = append(places, fmt.Sprintf("the name of %s (%s)", c.Path, f.Rule))
			}
		}
		add(c.Path, places)
	}
	for _, key := range slices.Sorted(maps.Keys(metadata)) {
		p := lint.MetadataPath(key)
		if _, owned := r.Target.Metadata[key]; !owned || r.mayBeSecret.Match(p) {
			continue
		}
		var places []string
		for _, f := range r.scanner.ScanValue(key, metadata[key]) {
			places = append(places, fmt.Sprintf("%s (%s: %s)", p, f.Rule, f.Excerpt))
		}
		add(p, places)
	}
	return found, nil
}

// fullPath is a file of the target as people name it from the config's
// directory.
func (r *run) fullPath(p manifest.Path) string {
	if !r.kind.SingleFile {
		return path.Join(r.Target.Name, string(p))
	}
	if i := strings.LastIndexByte(r.Target.Name, '#'); i > 0 { // one file, an asset for each agent type
		return r.Target.Name[:i]
	}
	return r.Target.Name
}

// guardSecrets stops what would publish a credential: a version can be replaced
// and not taken back.
func guardSecrets(in guardInput) *guardStop {
	var places, flags []string
	for _, f := range in.secrets {
		if slices.ContainsFunc(in.consent.SecretPaths, f.isNamed) {
			continue
		}
		flags = append(flags, "--allow-secret "+f.full)
		places = append(places, f.places...)
	}
	if len(places) == 0 {
		return nil
	}
	message := places[0] + " looks like a credential"
	if len(places) > 1 {
		message = "these look like credentials: " + some(places)
	}
	more := ""
	if len(flags) > mostNotes {
		flags, more = flags[:mostNotes], " …"
	}
	return &guardStop{"secrets", message, fmt.Sprintf(
		"take it out; if it is none, allow it with %s%s, or for good with allow_secrets:, or leave the file out with ignore: or .assetsyncignore",
		strings.Join(flags, " "), more)}
}

// isNamed reports whether a consent is to this file.
func (f secretFile) isNamed(consent string) bool {
	consent = path.Clean(filepath.ToSlash(consent))
	return consent == string(f.path) || consent == f.full
}
