package remote

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"time"
)

// AssetStamp is what a listing says of when an asset changed.
type AssetStamp struct {
	AssetID   string
	Version   int32
	UpdatedAt time.Time // by the service's clock; zero: not told
}

// AssetPoll lists the assets of a space again and again, and tells what changed. Of a
// page whose bytes are those of the last time nothing is decoded: what they say was
// found out then. The zero value has listed nothing. It is not safe for concurrent use.
type AssetPoll struct {
	pages []polledPage // of the last listing, as far as it came
}

// polledPage is what is kept of a page.
type polledPage struct {
	digest [sha256.Size]byte // of its bytes
	stamps []AssetStamp
	next   *string
}

// List reads the assets of a space, all pages, each of which is checked as by
// [Client.ListAssets]. It reports whether any page differs from that of the last list,
// or is not there any more: false says that the stamps are those of then. Nobody may
// change them. After an error the next list is read as the first is. Errors
// are those of a [Paginator].
func (p *AssetPoll) List(ctx context.Context, client *Client, space string) (stamps []AssetStamp, changed bool, err error) {
	n := 0
	read := func(ctx context.Context, in *ListAssetsInput) (*polledPage, error) {
		page, again, err := p.page(ctx, client, in, n)
		if err == nil {
			n++
			changed = changed || !again
		}
		return page, err
	}
	pages := newPaginator("ListAssets", &ListAssetsInput{AgentSpaceId: &space}, read,
		func(in *ListAssetsInput) **string { return &in.NextToken },
		func(page *polledPage) (*string, int) { return page.next, len(page.stamps) })
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			p.pages = nil
			return nil, true, err
		}
		stamps = append(stamps, page.stamps...)
	}
	changed = changed || n < len(p.pages)
	p.pages = p.pages[:n]
	return stamps, changed, nil
}

// page reads page n of a listing, and keeps it. It reports whether it is that of the
// last time.
func (p *AssetPoll) page(ctx context.Context, client *Client, in *ListAssetsInput, n int) (page *polledPage, again bool, err error) {
	r := client.newRequest("ListAssets", http.MethodGet).assets(in.AgentSpaceId).page(in.NextToken, nil)
	encoded, err := r.encode(ctx)
	if err != nil {
		return nil, false, err
	}
	ended := client.started(r.operation)
	failure := r.exchange(encoded, func(body []byte) error {
		digest := sha256.Sum256(body)
		if n < len(p.pages) && p.pages[n].digest == digest {
			again = true
			return nil
		}
		read, err := readStamps(body)
		if err != nil {
			return err
		}
		read.digest = digest
		if n == len(p.pages) {
			p.pages = append(p.pages, read)
		} else {
			p.pages[n] = read
		}
		return nil
	})
	if failure != nil {
		ended(failure)
		return nil, false, failure
	}
	ended(nil)
	return &p.pages[n], again, nil
}

// readStamps decodes a page of ListAssets, and keeps what an AssetStamp has.
func readStamps(body []byte) (page polledPage, err error) {
	var out ListAssetsOutput
	if err := decode(body, out.fields()); err != nil {
		return page, err
	}
	if err := checkItems(out.Items, func(a *Asset) error { return checkAsset(a, nil) }); err != nil {
		return page, fmt.Errorf("read page: %w", err)
	}
	page.next = out.NextToken
	for _, a := range out.Items {
		stamp := AssetStamp{AssetID: *a.AssetId, Version: *a.Version}
		if a.UpdatedAt != nil {
			stamp.UpdatedAt = *a.UpdatedAt
		}
		page.stamps = append(page.stamps, stamp)
	}
	return page, nil
}
