"""Files at the door: readable ones come in, whole ones go out, and nothing of anybody else's is touched."""

from spikebert.core.files.folders import LIST as LIST
from spikebert.core.files.folders import Kind as Kind
from spikebert.core.files.folders import claim as claim
from spikebert.core.files.folders import has_fields as has_fields
from spikebert.core.files.folders import names_format as names_format
from spikebert.core.files.folders import remove_folder as remove_folder
from spikebert.core.files.folders import require_apart as require_apart
from spikebert.core.files.folders import require_place as require_place
from spikebert.core.files.folders import write_folder_atomically as write_folder_atomically
from spikebert.core.files.reading import read_json as read_json
from spikebert.core.files.reading import require_file as require_file
from spikebert.core.files.reading import sha256 as sha256
from spikebert.core.files.room import NoRoomError as NoRoomError
from spikebert.core.files.writing import append as append
from spikebert.core.files.writing import require_folder_of as require_folder_of
from spikebert.core.files.writing import write_atomically as write_atomically
from spikebert.core.files.writing import write_buffer as write_buffer
