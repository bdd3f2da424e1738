package remote

import (
	"context"
	"errors"
	"fmt"
)

// What one listing may take before it is refused as endless: a hundred
// times what a space or an asset is known to hold.
const (
	MaxPages = 10_000
	MaxItems = 1_000_000
	MaxBytes = 256 << 20 // of the answers: what a caller may come to hold

	// MaxEmptyPages is how many pages in a row may hold nothing. A service that
	// filters what it has read gives a few.
	MaxEmptyPages = 100
)

// bodyBytes is the key of a counter, an *int64, of what a call reads.
type bodyBytes struct{}

// Paginator walks the pages of a list until no token is left; pages may be
// empty. It is not safe for concurrent use.
type Paginator[In, Out any] struct {
	operation string
	in        In
	call      func(context.Context, *In) (*Out, error)
	token     func(*In) **string
	page      func(*Out) (next *string, items int)

	seen  map[string]struct{}
	items int
	pages int
	empty int // in a row, up to the last page
	bytes int64
	most  int64 // of bytes: MaxBytes, but for tests
	done  bool
}

// HasMorePages reports whether NextPage can be called again.
func (p *Paginator[In, Out]) HasMorePages() bool { return !p.done }

// NextPage reads the next page. After an error the same page can be asked
// for again, except where the error says that the listing does not end: its
// tokens repeat, MaxEmptyPages pages in a row hold nothing, or it has more than
// MaxPages pages, MaxItems items or MaxBytes bytes. No page is asked for once ctx
// is done.
func (p *Paginator[In, Out]) NextPage(ctx context.Context) (*Out, error) {
	if p.done {
		return nil, &Error{Kind: KindInvalidRequest, Operation: p.operation, Message: "no more pages", Err: ErrNotSent}
	}
	if ctx.Err() != nil {
		return nil, &Error{Kind: KindCanceled, Operation: p.operation, Message: "the listing was given up", Err: errors.Join(ErrNotSent, context.Cause(ctx))}
	}
	out, err := p.call(context.WithValue(ctx, bodyBytes{}, &p.bytes), &p.in)
	if err != nil {
		return nil, err
	}
	next, items := p.page(out)
	p.pages++
	p.items += items
	if p.empty++; items > 0 {
		p.empty = 0
	}
	if err := p.advance(next); err != nil {
		p.done = true
		return nil, &Error{Kind: KindInvalidResponse, Operation: p.operation, Message: err.Error()}
	}
	return out, nil
}

// advance takes the token of the next page.
func (p *Paginator[In, Out]) advance(next *string) error {
	current := p.token(&p.in)
	switch {
	case p.bytes > p.most:
		return fmt.Errorf("listing has more than %d bytes", p.most)
	case p.items > MaxItems:
		return fmt.Errorf("listing has more than %d items", MaxItems)
	case next == nil || *next == "":
		p.done = true
		return nil
	case p.empty >= MaxEmptyPages:
		return fmt.Errorf("listing does not end: %d pages in a row are empty", p.empty)
	case p.pages >= MaxPages:
		return fmt.Errorf("listing has more than %d pages", MaxPages)
	}
	if *current != nil { // also the token that the caller began with
		p.seen[**current] = struct{}{}
	}
	if _, repeated := p.seen[*next]; repeated {
		return fmt.Errorf("listing does not end: page %d has the token of an earlier page", p.pages)
	}
	*current = next
	return nil
}

// The paginators, named as the SDK names them.
type (
	ListAssetTypesPaginator    = Paginator[ListAssetTypesInput, ListAssetTypesOutput]
	ListAssetsPaginator        = Paginator[ListAssetsInput, ListAssetsOutput]
	ListAssetVersionsPaginator = Paginator[ListAssetVersionsInput, ListAssetVersionsOutput]
	ListAssetFilesPaginator    = Paginator[ListAssetFilesInput, ListAssetFilesOutput]
)

func newPaginator[In, Out any](
	operation string, in *In,
	call func(context.Context, *In) (*Out, error),
	token func(*In) **string,
	page func(*Out) (*string, int),
) *Paginator[In, Out] {
	p := &Paginator[In, Out]{operation: operation, call: call, token: token, page: page, most: MaxBytes, seen: map[string]struct{}{}}
	if in != nil {
		p.in = *in
	}
	return p
}

// NewListAssetTypesPaginator lists the asset types, beginning with the page that in names.
func NewListAssetTypesPaginator(client *Client, in *ListAssetTypesInput) *ListAssetTypesPaginator {
	return newPaginator("ListAssetTypes", in, client.ListAssetTypes,
		func(in *ListAssetTypesInput) **string { return &in.NextToken },
		func(out *ListAssetTypesOutput) (*string, int) { return out.NextToken, len(out.Items) })
}

// NewListAssetsPaginator lists the assets of a space, beginning with the page that in names.
func NewListAssetsPaginator(client *Client, in *ListAssetsInput) *ListAssetsPaginator {
	return newPaginator("ListAssets", in, client.ListAssets,
		func(in *ListAssetsInput) **string { return &in.NextToken },
		func(out *ListAssetsOutput) (*string, int) { return out.NextToken, len(out.Items) })
}

// NewListAssetVersionsPaginator lists the versions of an asset, beginning with the page that in names.
func NewListAssetVersionsPaginator(client *Client, in *ListAssetVersionsInput) *ListAssetVersionsPaginator {
	return newPaginator("ListAssetVersions", in, client.ListAssetVersions,
		func(in *ListAssetVersionsInput) **string { return &in.NextToken },
		func(out *ListAssetVersionsOutput) (*string, int) { return out.NextToken, len(out.Items) })
}

// NewListAssetFilesPaginator lists the files of an asset, beginning with the page that in names.
func NewListAssetFilesPaginator(client *Client, in *ListAssetFilesInput) *ListAssetFilesPaginator {
	return newPaginator("ListAssetFiles", in, client.ListAssetFiles,
		func(in *ListAssetFilesInput) **string { return &in.NextToken },
		func(out *ListAssetFilesOutput) (*string, int) { return out.NextToken, len(out.Items) })
}
