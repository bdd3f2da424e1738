package main

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"assetsync/manifest"
	"assetsync/remote/assettype"
)

// maxScannedZip is how large an archive is looked into: the service takes none
// that is larger (API model, AssetZipBytes).
const maxScannedZip = 6 << 20

// findSeeming finds what looks like a skill in root and is none of the targets,
// with the reason, in the order of a walk.
func findSeeming(root fs.FS, targets []Target) ([]Skipped, error) {
	s := &seeker{root: root, targets: map[string]bool{}}
	for _, t := range targets {
		s.targets[t.Name] = true
	}
	var err error
	if s.rules, err = manifest.NewIgnore(nil); err != nil {
		return nil, err
	}
	err = fs.WalkDir(root, ".", s.visit)
	return s.out, err
}

// seeker walks a directory for what looks like a skill.
type seeker struct {
	root    fs.FS
	targets map[string]bool
	rules   *manifest.Ignore
	walked  int
	out     []Skipped
}

func (s *seeker) visit(name string, d fs.DirEntry, err error) error {
	switch {
	case err != nil:
		return fmt.Errorf("look for skills: %w", err)
	case s.walked > maxWalked:
		return usageError(nil, "run init in the directory that holds the skills", "look for skills: more than %d files", maxWalked)
	case d.IsDir() && neverHoldsAssets(d.Name()):
		return fs.SkipDir
	}
	s.walked++
	if d.IsDir() {
		s.rules = withGitignore(s.rules, s.root, name)
		return nil
	}
	if reason := s.reason(name, d); reason != "" {
		at := path.Dir(name)
		if !strings.EqualFold(d.Name(), skillFile()) {
			at = name
		}
		s.out = append(s.out, Skipped{Path: at, Reason: reason})
	}
	return nil
}

// skillFile is the main file of a skill.
func skillFile() string {
	kind, _ := assettype.Lookup(assettype.Skill)
	return kind.MainFile
}

// reason says why a file makes no skill that is a target; "" when it is of one,
// or does not look like it.
func (s *seeker) reason(name string, d fs.DirEntry) string {
	dir := path.Dir(name)
	switch {
	case strings.EqualFold(path.Ext(name), ".zip"):
		if s.holdsSkill(name, d) {
			return "is an archive that holds a " + skillFile() + ": unpack it into a directory"
		}
		return ""
	case !strings.EqualFold(d.Name(), skillFile()), s.targets[dir] && d.Name() == skillFile():
		return ""
	case d.Name() != skillFile():
		return fmt.Sprintf("holds %s: rename it to %s", d.Name(), skillFile())
	case d.Type() != 0:
		return "its " + skillFile() + " is no regular file"
	}
	return s.whyNot(dir)
}

// whyNot says why a directory with a main file is no target.
func (s *seeker) whyNot(dir string) string {
	for at := dir; at != "."; at = path.Dir(at) {
		outer := path.Dir(at)
		switch base := path.Base(at); {
		case s.targets[outer]:
			return "lies inside of " + outer + ", which is a skill itself"
		case strings.HasPrefix(base, "."):
			return "lies in the hidden directory " + at
		case slices.Contains(neverSearched, base):
			return "lies in " + at + ", which holds what others made"
		case s.rules.IgnoredDir(manifest.Path(at)):
			return "is ignored: " + s.rules.Why(manifest.Path(at))
		}
	}
	return "is of another type than what is wanted"
}

// holdsSkill reports whether an archive holds a main file. What cannot be read
// as an archive holds none.
func (s *seeker) holdsSkill(name string, d fs.DirEntry) bool {
	info, err := d.Info()
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxScannedZip {
		return false
	}
	data, err := fs.ReadFile(s.root, name)
	if err != nil {
		return false
	}
	archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return false
	}
	return slices.ContainsFunc(archive.File, func(f *zip.File) bool { return path.Base(f.Name) == skillFile() })
}

// doubtfulSkills says of skills what a push would refuse them for: no frontmatter
// that names them, or the name of another.
func doubtfulSkills(root fs.FS, assets []foundAsset) (notes []string) {
	first := map[string]string{}
	for _, a := range assets {
		if a.typ != assettype.Skill {
			continue
		}
		data, err := fs.ReadFile(root, path.Join(a.path, skillFile()))
		if err != nil {
			notes = append(notes, fmt.Sprintf("%s cannot be read: %s", path.Join(a.path, skillFile()), plainCause(err)))
			continue
		}
		front, err := assettype.ParseFrontmatter(data)
		switch other, taken := first[front.Name]; {
		case err != nil:
			notes = append(notes, fmt.Sprintf("%s would be refused: its frontmatter: %v", a.path, err))
		case front.Name == "":
			notes = append(notes, fmt.Sprintf("%s would be refused: the frontmatter of its %s has no name", a.path, skillFile()))
		case taken:
			notes = append(notes, fmt.Sprintf("%s would be refused: %s is named %s as well", a.path, other, quoted(front.Name)))
		default:
			first[front.Name] = a.path
		}
	}
	return notes
}
