package probe

import (
	"bytes"
	"fmt"
	"sync"
	"time"

	"assetsync/manifest"
	"assetsync/remote"
)

// deletedVersions is item 10.
func deletedVersions(s *scratch) finding {
	a := s.create()
	_, err := s.client.DeleteAsset(s.ctx, &remote.DeleteAssetInput{AgentSpaceId: &s.Space, AssetId: a.AssetId})
	s.must(err)
	s.gone(*a.AssetId)
	s.mine = nil
	kind := s.answer(s.getAt(a.AssetId, *a.Version))
	if kind == "" {
		return finding{text: "they can still be read"}
	}
	return finding{text: words(kind)}
}

// missingVersion is item 10 too.
func missingVersion(s *scratch) finding {
	kind := s.answer(s.getAt(s.create().AssetId, 1_000_000))
	switch {
	case kind == remote.KindNotFound:
		return finding{readNotFound, words(kind)}
	case isInvalid(kind):
		return finding{readValidation, words(kind)}
	}
	return finding{text: words(kind)}
}

// versionsMade is how many versions are made to see whether old ones go.
const versionsMade = 9

// pruneVersions is item 10 too.
func pruneVersions(s *scratch) finding {
	a := s.create()
	made := []int32{*a.Version}
	for i := 1; i < versionsMade; i++ {
		next, err := s.put(a.AssetId, fileA, text(fmt.Sprintf("%d\n", i)))
		s.must(err)
		made = append(made, *next.Version)
	}
	readable := 0
	for _, v := range made {
		if s.answer(s.getAt(a.AssetId, v)) == "" {
			readable++
		}
	}
	if readable == len(made) {
		return finding{"0", fmt.Sprintf("all %d that were made; how many more is not known", len(made))}
	}
	return finding{fmt.Sprint(readable), fmt.Sprintf("the newest %d of %d", readable, len(made))}
}

// timeTries is how often a write is made for its time to differ from that of
// the creation.
const timeTries = 3

// timestamps is item 24.
func timestamps(s *scratch) finding {
	a := s.create()
	stamps := []*time.Time{a.CreatedAt, a.UpdatedAt}
	moved := false
	for i := 0; i < timeTries && !moved; i++ {
		s.must(s.Wait(s.ctx))
		next, err := s.put(a.AssetId, fileA, text(fmt.Sprintf("%d\n", i)))
		s.must(err)
		if next.UpdatedAt == nil || a.CreatedAt == nil {
			return finding{text: "some are missing"}
		}
		moved = !next.UpdatedAt.Equal(*a.CreatedAt)
		stamps = append(stamps, next.UpdatedAt)
	}
	for _, v := range s.versions(a.AssetId) {
		stamps = append(stamps, v.CreatedAt, v.UpdatedAt)
	}
	if !moved {
		return finding{"frozen", "they stay at the asset's creation"}
	}
	for _, t := range stamps {
		if t != nil && t.Nanosecond() != 0 {
			return finding{"fraction", "fractions of a second"}
		}
	}
	return finding{"seconds", "whole seconds"}
}

// concurrent is item 26.
func concurrent(s *scratch) finding {
	a := s.create()
	var group sync.WaitGroup
	var errs [2]error
	contents := [2]string{"one\n", "two\n"}
	for i, token := range []*string{s.token(), s.token()} {
		group.Go(func() {
			_, errs[i] = s.update(a.AssetId, remote.UpdateAssetInput{Content: one(fileA, text(contents[i])), ClientToken: token})
		})
	}
	group.Wait()
	said := ""
	for i, err := range errs {
		said += fmt.Sprintf("update %d: %s; ", i+1, words(s.answer(err)))
	}
	for i, content := range contents {
		if s.content(a.AssetId, fileA) == content {
			return finding{text: said + fmt.Sprintf("the file is that of update %d", i+1)}
		}
	}
	return finding{text: said + "the file is that of neither"}
}

// atomicLooks is how many new versions are looked at in all three ways.
const atomicLooks = 3

// atomic is item 27.
func atomic(s *scratch) finding {
	a := s.create()
	agreed := 0
	for i := range atomicLooks {
		content := fmt.Sprintf("%d\n", i)
		path := fmt.Sprintf("references/new%d.md", i)
		next, err := s.put(a.AssetId, path, text(content))
		s.must(err)
		newest := s.version(a.AssetId)
		listed := false
		for _, f := range s.list(a.AssetId) {
			listed = listed || *f.Path == path
		}
		bundle, err := manifest.ReadZip(s.archive(a.AssetId), manifest.ZipLimits{})
		s.must(err)
		if newest >= *next.Version && listed && bytes.Equal(bundle.Files()[manifest.Path(path)], []byte(content)) {
			agreed++
		}
	}
	return finding{text: fmt.Sprintf("all three showed it at once, %d times of %d", agreed, atomicLooks)}
}
