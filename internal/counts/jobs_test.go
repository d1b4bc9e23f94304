package counts_test

import (
	"encoding/hex"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/counts"
)

// TestStoredJobs compares the stored form of version 1, which must be read for
// ever, and the bounds of blocks.
func TestStoredJobs(t *testing.T) {
	jobs := []platen.Counts{{JobSegments: 1, DocumentSets: 2, Documents: 300, ContentItems: 4, Pages: 5, Sheets: 6}, {}}
	var body []byte
	b := counts.NewJobsBuilder(func(seq int64, b []byte) error { body = append(body, b...); return nil })
	for i := range jobs {
		if err := b.Add(&jobs[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Finish(); err != nil {
		t.Fatal(err)
	}
	if got, want := hex.EncodeToString(body), "010102ac02040506000000000000"; got != want {
		t.Errorf("stored as %s, want %s", got, want)
	}
	got, err := counts.DecodeJobs(body)
	if d := cmp.Diff(jobs, got); err != nil || d != "" {
		t.Error(err, d)
	}
	for n := 2; n < len(body); n++ {
		if _, err := counts.DecodeJobs(body[:n]); n != 8 && !errors.Is(err, counts.ErrDamaged) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
	seen := 0
	b = counts.NewJobsBuilder(func(seq int64, body []byte) error {
		jobs, err := counts.DecodeJobs(body)
		if int(seq)*counts.JobsInBlock != seen {
			t.Errorf("block %d begins at job %d", seq, seen)
		}
		seen += len(jobs)
		return err
	})
	for range 2*counts.JobsInBlock + 1 {
		if err := b.Add(&platen.Counts{Documents: 1}); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Finish(); err != nil || seen != 2*counts.JobsInBlock+1 {
		t.Errorf("%d jobs: %v", seen, err)
	}
}

func FuzzDecodeJobs(f *testing.F) {
	f.Add([]byte{1, 1, 2, 3, 4, 5, 6})
	f.Fuzz(func(t *testing.T, body []byte) {
		jobs, err := counts.DecodeJobs(body)
		if err != nil || len(jobs) == 0 {
			return
		}
		b := counts.NewJobsBuilder(func(_ int64, again []byte) error {
			got, err := counts.DecodeJobs(again)
			if d := cmp.Diff(jobs, got); d != "" {
				t.Error(d)
			}
			return err
		})
		for i := range jobs {
			if err := b.Add(&jobs[i]); err != nil {
				t.Error(err)
			}
		}
		if err := b.Finish(); err != nil {
			t.Error(err)
		}
	})
}
