package emulator

import (
	"encoding/binary"
	"fmt"
	"sync"
	"time"

	"go.etcd.io/bbolt"
)

// maxLogEntries is how many writes the log remembers.
const maxLogEntries = 10_000

// LogEntry is one write that took effect.
type LogEntry struct {
	Sequence  uint64    `json:"sequence"` // 1, 2, 3 … over the life of the store
	At        time.Time `json:"at"`
	RequestID string    `json:"request_id"`
	Operation string    `json:"operation"` // "(rewrite)" for a version that the service made by itself
	Space     string    `json:"space"`
	Asset     string    `json:"asset"`
	Path      string    `json:"path,omitempty"` // of a file operation
	Before    int32     `json:"before"`         // version of the asset; 0: it did not exist
	After     int32     `json:"after"`
	Who       string    `json:"who"` // access key id of a verified request, else its user agent
}

// record appends a write to the log, in the transaction of that write, and
// drops the oldest entry beyond the cap.
func (st *state) record(c *call, a assetRecord, before int32) error {
	b := st.bucket(bucketLog)
	seq, err := b.NextSequence()
	if err != nil {
		return err
	}
	st.wrote = append(st.wrote, lagWrite{key: string(assetKey(a.Space, a.ID)), before: before})
	if seq > maxLogEntries {
		if err := b.Delete(binary.BigEndian.AppendUint64(nil, seq-maxLogEntries)); err != nil {
			return err
		}
	}
	return save(b, binary.BigEndian.AppendUint64(nil, seq), LogEntry{
		Sequence: seq, At: st.now, RequestID: c.requestID, Operation: c.op.name, Space: a.Space, Asset: a.ID,
		Path: c.path, Before: before, After: a.Latest, Who: c.who,
	})
}

// Log returns the writes that took effect, oldest first, at most the newest
// 10,000. It is safe for concurrent use.
func (s *Server) Log() ([]LogEntry, error) {
	var out []LogEntry
	err := s.store.view(func(tx *bbolt.Tx) error {
		return tx.Bucket(bucketLog).ForEach(func(k, raw []byte) error {
			var e LogEntry
			if err := unmarshal(raw, &e); err != nil {
				return fmt.Errorf("entry %x: %w", k, err)
			}
			out = append(out, e)
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("read write log: %w", err)
	}
	return out, nil
}

// lag remembers which writes of this server ListAssets does not show yet.
type lag struct {
	mu       sync.Mutex
	distance int // requests
	now      int // requests so far
	writes   map[string][]lagWrite
}

// lagWrite is a write that is or was hidden.
type lagWrite struct {
	key    string // of the asset
	before int32  // the version that is shown instead; 0: nothing is
	at     int    // the request that wrote
}

func newLag(distance int) *lag { return &lag{distance: distance, writes: map[string][]lagWrite{}} }

func (l *lag) request() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.now++
}

// hide takes the writes of a transaction that is on disk.
func (l *lag) hide(writes []lagWrite) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.distance == 0 {
		return
	}
	for _, w := range writes {
		w.at = l.now
		l.writes[w.key] = append(l.writes[w.key], w)
	}
}

// visible returns the version of an asset that ListAssets shows.
func (l *lag) visible(a assetRecord) (version int32, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := string(assetKey(a.Space, a.ID))
	hidden := l.writes[key]
	for len(hidden) > 0 && l.now-hidden[0].at > l.distance {
		hidden = hidden[1:]
	}
	l.writes[key] = hidden
	if len(hidden) > 0 {
		return hidden[0].before, hidden[0].before > 0
	}
	delete(l.writes, key)
	return a.Latest, !a.Deleted
}
