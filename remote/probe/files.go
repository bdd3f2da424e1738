package probe

import (
	"fmt"
	"slices"
	"time"

	"assetsync/remote"
)

// The readings that several quirks share.
const (
	readValidation = "validation"
	readNotFound   = "not-found"
	readBump       = "bump"
	readKeep       = "keep"
)

// isInvalid reports whether a call was refused for its values.
func isInvalid(kind remote.Kind) bool {
	return kind == remote.KindValidation || kind == remote.KindInvalidParameter
}

// createExisting is item 1.
func createExisting(s *scratch) finding {
	id := s.create().AssetId
	kind := s.answer(s.createFile(id, fileA, "changed\n"))
	after := s.content(id, fileA)
	switch {
	case kind == remote.KindConflict && after == "a\n":
		return finding{"conflict", words(kind)}
	case isInvalid(kind) && after == "a\n":
		return finding{readValidation, words(kind)}
	case kind == "" && after == "changed\n":
		return finding{"overwrite", "the file is replaced"}
	}
	return finding{text: fmt.Sprintf("%s; the file holds %q", words(kind), after)}
}

// missing is a path that no scratch skill has.
const missing = "references/missing.md"

// updateMissing is item 2.
func updateMissing(s *scratch) finding {
	id := s.create().AssetId
	path := missing
	_, err := s.updateFile(id, remote.UpdateAssetFileInput{Path: &path, Content: text("new\n")})
	kind := s.answer(err)
	made := s.content(id, missing) == "new\n"
	switch {
	case kind == remote.KindNotFound && !made:
		return finding{readNotFound, words(kind)}
	case isInvalid(kind) && !made:
		return finding{readValidation, words(kind)}
	case kind == "" && made:
		return finding{"create", "the file is made"}
	}
	return finding{text: fmt.Sprintf("%s; the file is there: %t", words(kind), made)}
}

// updateMissingMetadata is item 2 too.
func updateMissingMetadata(s *scratch) finding {
	id := s.create().AssetId
	path := missing
	_, err := s.updateFile(id, remote.UpdateAssetFileInput{Path: &path, Metadata: s.document(map[string]any{"reviewed": "yes"})})
	return finding{text: words(s.answer(err))}
}

// raised tells whether a write raised the version.
func raised(before, after int32) finding {
	if after > before {
		return finding{readBump, "a new version is made"}
	}
	return finding{readKeep, "the newest version changes in place"}
}

// fileCreateVersion is item 3.
func fileCreateVersion(s *scratch) finding {
	a := s.create()
	s.must(s.createFile(a.AssetId, "references/c.md", "c\n"))
	return raised(*a.Version, s.version(a.AssetId))
}

// fileDeleteVersion is item 3 too.
func fileDeleteVersion(s *scratch) finding {
	a := s.create()
	s.must(s.deleteFile(a.AssetId, fileA))
	return raised(*a.Version, s.version(a.AssetId))
}

// versionStep is item 3 too.
func versionStep(s *scratch) finding {
	a := s.create()
	after, err := s.put(a.AssetId, fileA, text("changed\n"))
	s.must(err)
	step := *after.Version - *a.Version
	if step < 1 {
		return finding{text: fmt.Sprintf("version %d came after version %d", *after.Version, *a.Version)}
	}
	return finding{fmt.Sprint(step), fmt.Sprintf("by %d", step)}
}

// fileVersion is item 4.
func fileVersion(s *scratch) finding {
	a := s.create()
	path := fileA
	_, err := s.updateFile(a.AssetId, remote.UpdateAssetFileInput{Path: &path, Content: text("changed\n")})
	s.must(err)
	if *s.listed(a.AssetId, fileB).Version == s.version(a.AssetId) {
		return finding{"asset", "it is the version that is read"}
	}
	return finding{"last-change", "it stays the one that changed the file last"}
}

// times is item 5.
func times(s *scratch) finding {
	a := s.create()
	before := s.listed(a.AssetId, fileB)
	s.must(s.Wait(s.ctx)) // so that whole seconds differ
	_, err := s.put(a.AssetId, fileA, text("changed\n"))
	s.must(err)
	same := func(x, y *time.Time) bool { return x != nil && y != nil && x.Equal(*y) }
	after, changed := s.listed(a.AssetId, fileB), s.listed(a.AssetId, fileA)
	perVersion := slices.ContainsFunc(s.versions(a.AssetId), func(v remote.AssetVersionMetadata) bool {
		return !same(v.CreatedAt, a.CreatedAt)
	})
	pick := func(yes bool, one, other string) string {
		if yes {
			return one
		}
		return other
	}
	return finding{text: "createdAt of a version is " + pick(perVersion, "its own", "the asset's") +
		"; updatedAt of a changed file " + pick(same(before.UpdatedAt, changed.UpdatedAt), "stays", "moves") +
		", of another file " + pick(same(before.UpdatedAt, after.UpdatedAt), "stays", "moves") +
		"; createdAt of a changed file " + pick(same(changed.CreatedAt, before.CreatedAt), "stays", "moves")}
}

// deleteMissing is item 6.
func deleteMissing(s *scratch) finding {
	id := s.create().AssetId
	switch kind := s.answer(s.deleteFile(id, missing)); {
	case kind == remote.KindNotFound:
		return finding{readNotFound, words(kind)}
	case isInvalid(kind):
		return finding{readValidation, words(kind)}
	case kind == "":
		return finding{"ok", "accepted, nothing changes"}
	default:
		return finding{text: words(kind)}
	}
}

// deleteMain is item 6 too.
func deleteMain(s *scratch) finding {
	id := s.create().AssetId
	main := s.answer(s.deleteFile(id, "SKILL.md"))
	if main == "" {
		s.must(s.deleteFile(id, fileA))
		return finding{text: "the main file: accepted; the last file: " + words(s.answer(s.deleteFile(id, fileB)))}
	}
	s.must(s.deleteFile(id, fileA))
	s.must(s.deleteFile(id, fileB))
	return finding{text: "the main file: " + words(main) + "; as the last file: " + words(s.answer(s.deleteFile(id, "SKILL.md")))}
}

// tokens is item 13.
func tokens(s *scratch) finding {
	a := s.create()
	path, token := fileA, s.token()
	in := remote.UpdateAssetFileInput{Path: &path, Content: text("changed\n"), ClientToken: token}
	_, err := s.updateFile(a.AssetId, in)
	s.must(err)
	before := s.version(a.AssetId)
	_, err = s.updateFile(a.AssetId, in)
	again := words(s.answer(err))
	if s.version(a.AssetId) > before {
		again += ", with a new version"
	} else {
		again += ", without a new version"
	}
	_, err = s.update(a.AssetId, remote.UpdateAssetInput{Metadata: s.document(map[string]any{"status": "INACTIVE"}), ClientToken: token})
	return finding{text: "UpdateAssetFile again: " + again + "; UpdateAsset with its token: " + words(s.answer(err))}
}

// paths is item 14.
func paths(s *scratch) finding {
	id := s.create().AssetId
	below := words(s.answer(s.createFile(id, fileA+"/below.md", "below\n")))
	twin := words(s.answer(s.createFile(id, "references/A.md", "upper\n")))
	if s.content(id, fileA) == "upper\n" {
		twin += ", and is the same file"
	}
	return finding{text: "a file below a file: " + below + "; a name that differs by case: " + twin}
}

// zipFileMetadata is item 28.
func zipFileMetadata(s *scratch) finding {
	id := s.create().AssetId
	path := fileA
	_, err := s.updateFile(id, remote.UpdateAssetFileInput{Path: &path, Metadata: s.document(map[string]any{"reviewed": "yes"})})
	if kind := s.answer(err); kind != "" {
		return finding{text: "metadata of a file: " + words(kind)}
	}
	if !s.hasMetadata(id, fileA, "reviewed") {
		return finding{text: "metadata of a file is accepted and not kept"}
	}
	_, err = s.update(id, remote.UpdateAssetInput{Content: s.zip(s.files())})
	s.must(err)
	if s.hasMetadata(id, fileA, "reviewed") {
		return finding{readKeep, "it stays"}
	}
	return finding{"drop", "it is gone"}
}

func (s *scratch) hasMetadata(id *string, path, key string) bool {
	m, err := s.listed(id, path).Metadata.Map()
	_, ok := m[key]
	return err == nil && ok
}

// fileMetadata is item 28 too.
func fileMetadata(s *scratch) finding {
	id := s.create().AssetId
	said := ""
	for _, c := range []struct {
		what  string
		value any
	}{{"a text", "yes"}, {"a number", 1}, {"an object", map[string]any{"by": "x"}}} {
		path := fileA
		_, err := s.updateFile(id, remote.UpdateAssetFileInput{Path: &path, Metadata: s.document(map[string]any{"probe_note": c.value})})
		said += fmt.Sprintf("; %s under an unknown key: %s", c.what, words(s.answer(err)))
	}
	return finding{text: said[len("; "):]}
}
