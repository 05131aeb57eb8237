//! The uploaded file, out of a form or as the body itself.

use domain::import::ImportMode;
use futures::stream;
use multer::Multipart;
use multer::bytes::Bytes;
use runtime::problem::{bad_request, invalid};
use runtime::{ApiError, Request};

/// A file as it was sent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Upload {
    /// Its name: one line, without folders.
    pub(crate) file_name: String,
    /// Its content.
    pub(crate) bytes: Vec<u8>,
    /// Which vendors may be written.
    pub(crate) mode: ImportMode,
}

const FILE: &str = "file";
const MODE: &str = "mode";
const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

/// Reads `multipart/form-data` with one field `file`, or a body that is the file.
///
/// # Errors
/// 415 for anything else, 400 and 422 for a form that is broken or has other fields.
pub(crate) async fn read(request: Request) -> Result<Upload, ApiError> {
    let content_type = request.header("content-type").unwrap_or_default().to_owned();
    let mode = request.query(MODE).map(mode).transpose()?.unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match media_type.as_str() {
        "multipart/form-data" => {
            let boundary = multer::parse_boundary(&content_type).map_err(|_| bad_request("the multipart content type has no boundary"))?;
            form(request.body, boundary, mode).await
        }
        "text/csv" | XLSX => {
            let disposition = request.header("content-disposition").and_then(|value| {
                let name = value
                    .split(';')
                    .filter_map(|part| part.trim().split_once('='))
                    .find(|(name, _)| name.eq_ignore_ascii_case("filename"));
                name.map(|(_, value)| value.trim_matches('"'))
            });
            let file_name = file_name(disposition.or_else(|| request.query("file_name")));
            Ok(Upload {
                file_name,
                bytes: request.body,
                mode,
            })
        }
        _ => Err(ApiError::UnsupportedMediaType(
            "multipart/form-data with the file in the field `file`, or the file itself as text/csv or as an Excel workbook (.xlsx)",
        )),
    }
}

async fn form(body: Vec<u8>, boundary: String, mode_of_query: ImportMode) -> Result<Upload, ApiError> {
    let broken = |error: multer::Error| bad_request(format!("the multipart body cannot be read: {error}"));
    let mut form = Multipart::new(stream::iter([Ok::<_, std::convert::Infallible>(Bytes::from(body))]), boundary);
    let mut file = None;
    let mut chosen = mode_of_query;
    while let Some(field) = form.next_field().await.map_err(broken)? {
        match field.name() {
            Some(MODE) => chosen = mode(field.text().await.map_err(broken)?.trim())?,
            Some(FILE) if file.is_some() => return Err(invalid("file", "", "several", "upload one file at a time")),
            Some(FILE) => {
                let name = file_name(field.file_name());
                file = Some((name, field.bytes().await.map_err(broken)?.to_vec()));
            }
            other => {
                let message = "the form may have two fields: the file in the field `file`, and `mode`";
                return Err(invalid("file", other.unwrap_or_default(), "unknown_field", message));
            }
        }
    }
    let Some((file_name, bytes)) = file else {
        return Err(invalid("file", "", "missing", "the form has no field `file`: put the file there"));
    };
    Ok(Upload {
        file_name,
        bytes,
        mode: chosen,
    })
}

fn mode(text: &str) -> Result<ImportMode, ApiError> {
    match text {
        "create_only" => Ok(ImportMode::CreateOnly),
        "update_existing" => Ok(ImportMode::UpdateExisting),
        "create_and_update" => Ok(ImportMode::CreateAndUpdate),
        other => {
            let message = "choose create_only, update_existing or create_and_update";
            Err(invalid("mode", other, "unknown_mode", message))
        }
    }
}

pub(crate) fn file_name(given: Option<&str>) -> String {
    // Old browsers send the whole path.
    let last = given.unwrap_or_default().rsplit(['/', '\\']).next().unwrap_or_default();
    let visible: String = last.chars().filter(|c| !c.is_control()).take(200).collect();
    let name = visible.trim();
    if name.is_empty() { "vendors.csv".to_owned() } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_has_no_folders_and_one_line() {
        assert_eq!(file_name(Some("C:\\Users\\asha\\vendor list.csv")), "vendor list.csv");
        assert_eq!(file_name(Some("../../etc/pass\r\nwd")), "passwd");
        assert_eq!(file_name(Some("uploads/")), "vendors.csv");
        assert_eq!(file_name(None), "vendors.csv");
    }
}
