package probe

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"assetsync/remote"
)

// manyFiles is how many files the skill has whose pages are counted: as many
// as a page may be asked for, and as a zip may hold.
const manyFiles = 100

// pagesLooked bounds the pages that are looked at for one that holds anything.
const pagesLooked = 5

// many makes a skill of manyFiles files.
func (s *scratch) many() *string {
	var more []string
	for i := len(s.files()); i < manyFiles; i++ {
		more = append(more, fmt.Sprintf("references/n%03d.md", i))
	}
	return s.create(more...).AssetId
}

// firstPages returns the sizes of the first pages of a list of files, up to
// the first that holds any.
func (s *scratch) firstPages(id *string, size *int32) (sizes []int, more bool) {
	in := &remote.ListAssetFilesInput{AgentSpaceId: &s.Space, AssetId: id, MaxResults: size}
	for range pagesLooked {
		page, err := s.client.ListAssetFiles(s.ctx, in)
		s.must(err)
		sizes = append(sizes, len(page.Items))
		if in.NextToken = page.NextToken; len(page.Items) > 0 || page.NextToken == nil {
			return sizes, page.NextToken != nil
		}
	}
	return sizes, true
}

// pageSize is item 16.
func pageSize(s *scratch) finding {
	sizes, more := s.firstPages(s.many(), new(int32(manyFiles)))
	switch n := sizes[len(sizes)-1]; {
	case n == manyFiles && !more:
		return finding{"0", fmt.Sprintf("as many as were asked for, up to %d", manyFiles)}
	case n > 0:
		return finding{fmt.Sprint(n), fmt.Sprintf("%d, although %d were asked for", n, manyFiles)}
	}
	return finding{text: fmt.Sprintf("none on %d pages", len(sizes))}
}

// emptyPages is item 16 too.
func emptyPages(s *scratch) finding {
	sizes, _ := s.firstPages(s.create().AssetId, new(int32(1)))
	if sizes[0] == 0 {
		return finding{"on", "they come"}
	}
	return finding{"off", "none was seen"}
}

// defaultPage is item 16 too.
func defaultPage(s *scratch) finding {
	sizes, more := s.firstPages(s.many(), nil)
	n := sizes[len(sizes)-1]
	if !more {
		return finding{text: fmt.Sprintf("at least %d", n)}
	}
	return finding{text: fmt.Sprint(n)}
}

// listOrder is item 17.
func listOrder(s *scratch) finding {
	var more []string
	for i := range 10 {
		more = append(more, fmt.Sprintf("references/n%d.md", i))
	}
	var names []string
	for _, f := range s.list(s.create(more...).AssetId) {
		names = append(names, *f.Path)
	}
	backwards := slices.Clone(names)
	slices.Reverse(backwards)
	switch {
	case slices.IsSorted(names):
		return finding{"path", "by path"}
	case slices.IsSorted(backwards):
		return finding{"reverse", "by path, backwards"}
	}
	return finding{"random", "none that can be seen"}
}

// versionOrder is item 17 too.
func versionOrder(s *scratch) finding {
	id := s.create().AssetId
	for _, content := range []string{"1\n", "2\n"} {
		_, err := s.put(id, fileA, text(content))
		s.must(err)
	}
	var numbers []int32
	for _, v := range s.versions(id) {
		numbers = append(numbers, *v.Version)
	}
	backwards := slices.Clone(numbers)
	slices.Reverse(backwards)
	switch {
	case len(numbers) < 2:
		return finding{text: "only one version is listed"}
	case slices.IsSorted(backwards):
		return finding{"newest", "the newest first"}
	case slices.IsSorted(numbers):
		return finding{"oldest", "the oldest first"}
	}
	return finding{text: "none that can be seen"}
}

// pageToken is item 18.
func pageToken(s *scratch) finding {
	id := s.create().AssetId
	page, err := s.client.ListAssetFiles(s.ctx, &remote.ListAssetFilesInput{AgentSpaceId: &s.Space, AssetId: id, MaxResults: new(int32(1))})
	s.must(err)
	if page.NextToken == nil {
		return finding{text: "a page of one item gave no token"}
	}
	_, err = s.client.ListAssetVersions(s.ctx, &remote.ListAssetVersionsInput{AgentSpaceId: &s.Space, AssetId: id, NextToken: page.NextToken})
	return finding{text: words(s.answer(err))}
}

// lagLooks bounds the requests until what was made has to be listed.
const lagLooks = 50

// awaitListed looks for an asset in ListAssets, and returns the number of the
// request that ended the last look in vain; -1 when all were. A page alone says
// nothing: the asset may be on the next.
func (s *scratch) awaitListed(a *remote.Asset) int {
	in := &remote.ListAssetsInput{AgentSpaceId: &s.Space, AssetType: new("skill")}
	if a.UpdatedAt != nil {
		in.UpdatedAfter = new(a.UpdatedAt.Add(-time.Minute)) // a short list is one page
	}
	vain := 0
	for n := 1; n <= lagLooks; n++ {
		page, err := s.client.ListAssets(s.ctx, in)
		s.must(err)
		if slices.ContainsFunc(page.Items, func(other remote.Asset) bool { return *other.AssetId == *a.AssetId }) {
			return vain
		}
		if in.NextToken = page.NextToken; in.NextToken == nil {
			if vain = n; n > 1 {
				s.must(s.Wait(s.ctx))
			}
		}
	}
	return -1
}

// listLag is item 27.
func listLag(s *scratch) finding {
	in := &remote.CreateAssetInput{
		AgentSpaceId: &s.Space, AssetType: new("skill"), Metadata: s.document(s.metadata()), Content: s.zip(s.files()), ClientToken: s.token(),
	}
	out, err := s.client.CreateAsset(s.ctx, in)
	if errors.Is(err, remote.ErrAmbiguous) {
		s.doubt(in) // a second request would be counted wrongly
	}
	s.must(err)
	s.own(*out.Asset.AssetId)
	switch n := s.awaitListed(out.Asset); {
	case n < 0:
		return finding{text: fmt.Sprintf("%d requests did not show it", lagLooks)}
	case n == 0:
		return finding{"0", "shows it at once, as far as seen"}
	default:
		return finding{fmt.Sprint(n), fmt.Sprintf("shows it after %d further requests", n)}
	}
}

// updatedBounds is item 19.
func updatedBounds(s *scratch) finding {
	a := s.create()
	if a.UpdatedAt == nil {
		return finding{text: "the asset has no updatedAt"}
	}
	if s.awaitListed(a) < 0 {
		return finding{text: "the asset is not listed"}
	}
	bound := func(in remote.ListAssetsInput) string {
		in.AgentSpaceId = &s.Space
		pages := remote.NewListAssetsPaginator(s.client, &in)
		for pages.HasMorePages() {
			page, err := pages.NextPage(s.ctx)
			s.must(err)
			if slices.ContainsFunc(page.Items, func(other remote.Asset) bool { return *other.AssetId == *a.AssetId }) {
				return "inclusive"
			}
		}
		return "exclusive"
	}
	return finding{text: "updatedAfter is " + bound(remote.ListAssetsInput{UpdatedAfter: a.UpdatedAt}) +
		", updatedBefore is " + bound(remote.ListAssetsInput{UpdatedBefore: a.UpdatedAt})}
}

// unknownType is item 20.
func unknownType(s *scratch) finding {
	_, err := s.client.ListAssets(s.ctx, &remote.ListAssetsInput{AgentSpaceId: &s.Space, AssetType: new("no_such_type")})
	if kind := s.answer(err); kind != "" {
		return finding{text: words(kind)}
	}
	return finding{text: "an empty list"}
}

// retryAfter is item 22, as far as the calls of this run show it.
func retryAfter(s *scratch) finding {
	if s.Wire == nil {
		return finding{text: "not found out: nothing watches the wire"}
	}
	throttled, asked := s.Wire.throttled()
	if throttled == 0 {
		return finding{text: "no call was throttled"}
	}
	return finding{text: fmt.Sprintf("%d of the answers were 429, %d of them with Retry-After", throttled, asked)}
}

// errorName is item 23.
func errorName(s *scratch) finding {
	if s.Wire == nil {
		return finding{text: "not found out: nothing watches the wire"}
	}
	s.answer(s.getAt(s.create().AssetId, 1000))
	places := s.Wire.names()
	if len(places) == 0 {
		return finding{text: "no error had a name"}
	}
	return finding{text: strings.Join(places, ", ")}
}
