package sync

import (
	"slices"

	"assetsync/manifest"
	"assetsync/sync/state"
)

// lessons are what a run has learned of an endpoint, in their order. They are
// applied to what is on record when the run ends, which may be newer than what
// it began with.
type lessons []func(*state.Endpoint)

func (l lessons) apply(e *state.Endpoint) {
	for _, lesson := range l {
		lesson(e)
	}
}

// learn takes a lesson in, and reports whether it is news.
func (r *run) learn(lesson func(*state.Endpoint)) bool {
	was := r.endpoint
	lesson(&r.endpoint)
	if r.endpoint == was {
		return false
	}
	r.lessons = append(r.lessons, lesson)
	return true
}

// learnDeletes remembers whether DeleteAssetFile raises the version, once
// deletions were seen without anybody else's writes.
func (r *run) learnDeletes(d deed, after observation) {
	if d.deletes == 0 || d.silent != d.deletes {
		return // another write may have made a version
	}
	known, seen := r.endpoint.DeleteRaisesVersion, state.Unknown
	switch made := int(after.version - d.observed.version); {
	case len(d.answered) > 0:
		// Another write may have made a version more than it answered, but
		// where none is left over the deletions have made none.
		if known != state.Yes || d.gap(after.version) > 0 {
			return
		}
	case made == 0:
		seen = state.No
	case made == d.deletes:
		seen = state.Yes
	default:
		return
	}
	news := r.learn(func(e *state.Endpoint) { e.DeleteRaisesVersion = seen })
	if news && known == state.Yes {
		r.note("a deletion made no version, although it was known to make one: that is forgotten, and later deletions are planned without it")
	}
}

// createsFiles reports whether new files are made by CreateAssetFile: a probe has
// shown that it makes a version, and that it refuses a path that somebody else
// has taken meanwhile, which UpdateAsset replaces.
func (r *run) createsFiles() bool {
	return r.endpoint.CreateRaisesVersion == state.Yes && r.endpoint.CreateRefusesExisting == state.Yes && !r.noCreate
}

// forgetCreate takes back that CreateAssetFile makes versions, after one that
// made none.
func (r *run) forgetCreate(p manifest.Path) {
	if r.learn(func(e *state.Endpoint) { e.CreateRaisesVersion = state.Unknown }) {
		r.note("CreateAssetFile made no version of %s, although a probe had seen that it makes one: that is forgotten, and new files go by UpdateAsset; assetsync probe looks again", p)
	}
}

// learnRefusals takes back that CreateAssetFile refuses a path that exists,
// after one that replaced somebody else's file.
func (r *run) learnRefusals(d deed, a *account) {
	for _, p := range d.created {
		if a.overwritten[p] == nil {
			continue
		}
		if r.learn(func(e *state.Endpoint) { e.CreateRefusesExisting = state.Unknown }) {
			r.note("CreateAssetFile replaced %s, although a probe had seen that it refuses a path that exists: that is forgotten, and new files go by UpdateAsset; assetsync probe looks again", p)
		}
	}
}

// raises reports whether the version that a write answered is above all that
// were there before it.
func (d deed) raises(version int32) bool {
	return version > d.observed.version && !slices.ContainsFunc(d.answered, func(v int32) bool { return version <= v })
}
