"""Files at the door: readable ones come in, whole ones go out, and nothing of anybody else's is touched."""

from spikebert.files.folders import LIST as LIST
from spikebert.files.folders import Kind as Kind
from spikebert.files.folders import claim as claim
from spikebert.files.folders import has_fields as has_fields
from spikebert.files.folders import names_format as names_format
from spikebert.files.folders import remove_folder as remove_folder
from spikebert.files.folders import require_place as require_place
from spikebert.files.folders import write_folder_atomically as write_folder_atomically
from spikebert.files.reading import read_json as read_json
from spikebert.files.reading import require_file as require_file
from spikebert.files.reading import sha256 as sha256
from spikebert.files.room import NoRoomError as NoRoomError
from spikebert.files.writing import append as append
from spikebert.files.writing import require_folder_of as require_folder_of
from spikebert.files.writing import write_atomically as write_atomically
