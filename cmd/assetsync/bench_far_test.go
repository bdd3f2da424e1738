//go:build linux

package main

import (
	"errors"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"sync"
	"time"
)

// farServer stands before a remote and answers as from far away: each call waits
// for a round trip. It keeps when calls began and ended.
type farServer struct {
	server *http.Server
	ended  chan error // why it serves no longer

	mu    sync.Mutex
	calls []timedCall
}

type timedCall struct{ begun, ended time.Time }

// newFarServer listens at an address for a remote at another one.
func newFarServer(addr, remote string, trip time.Duration) (*farServer, error) {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: remote})
	f := &farServer{ended: make(chan error, 1)}
	f.server = &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begun := time.Now()
		time.Sleep(trip)
		proxy.ServeHTTP(w, r)
		call := timedCall{begun, time.Now()}
		f.mu.Lock()
		defer f.mu.Unlock()
		f.calls = append(f.calls, call)
	})}
	go func() { f.ended <- f.server.Serve(listener) }()
	return f, nil
}

// close ends the server, and waits for that.
func (f *farServer) close() error {
	err := f.server.Close()
	if served := <-f.ended; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}

// depth returns how many calls since the last question went out one after the
// other: of the calls of which each began when the one before had ended, the
// longest row.
func (f *farServer) depth() (row int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	slices.SortFunc(f.calls, func(a, b timedCall) int { return a.ended.Compare(b.ended) })
	var last time.Time
	for _, c := range f.calls {
		if c.begun.After(last) {
			row, last = row+1, c.ended
		}
	}
	f.calls = nil
	return row
}
