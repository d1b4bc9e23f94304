package olrest

import (
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/platenhq/platen"
)

// EncodeFault returns a fault as it is sent to be added.
func EncodeFault(f *platen.Fault) []byte {
	var j jsonWriter
	j.object()
	j.faultMembers(f)
	j.end()
	return j.buf
}

// EncodeFaults returns a list of faults as it is sent to replace all.
func EncodeFaults(list []platen.Fault) []byte {
	var j jsonWriter
	j.object()
	listOf(&j, "faults", list, func(j *jsonWriter, f platen.Fault) {
		j.object()
		j.faultMembers(&f)
		j.end()
	})
	j.end()
	return j.buf
}

// EncodeFaultCount returns a fault with its counts, as servers have it.
func EncodeFaultCount(f platen.FaultCount) []byte {
	var j jsonWriter
	j.fault(f)
	return j.buf
}

// ReadFaultCount reads an answer that is a fault.
func ReadFaultCount(r io.Reader) (f platen.FaultCount, err error) {
	return f, readFaultAnswer(r, func(d *decoder) error {
		f, err = d.fault(false)
		return err
	})
}

// ReadFaultCounts reads an answer that is all faults.
func ReadFaultCounts(r io.Reader) (list []platen.FaultCount, err error) {
	return list, readFaultAnswer(r, func(d *decoder) error {
		return d.members("the answer", func(key string) error {
			if key != "faults" {
				return d.skip()
			}
			return d.each(key, func() error {
				f, err := d.fault(false)
				list = append(list, f)
				return err
			})
		})
	})
}

func readFaultAnswer(r io.Reader, read func(*decoder) error) error {
	answer, err := ReadNative[jsontext.Value](r)
	if err != nil {
		return err
	}
	if err := decode(answer, read); err != nil {
		return fmt.Errorf("the answer is not what the API says: %w", err)
	}
	return nil
}
