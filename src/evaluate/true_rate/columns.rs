//! A window turned on its side: the samples of each vertex in a row, so that evaluation looks no vertex up per sample.

use super::input::VertexId;
use super::sample::{GlobalSample, History, VertexSample};
use super::topology::Topology;

/// The samples of a window by vertex, in time order. Vertices that the graph does not have are left out.
#[derive(Debug, Clone, PartialEq)]
pub struct Columns {
    at_ms: Vec<i64>,
    global: Vec<GlobalSample>,
    /// Ascending; `vertices` has the same order.
    ids: Vec<VertexId>,
    vertices: Vec<Vec<Option<VertexSample>>>,
}

impl Columns {
    /// A window of the given times (Unix ms, strictly ascending) in which nothing is known yet.
    pub(crate) fn empty(topology: &Topology, at_ms: Vec<i64>) -> Columns {
        let ids: Vec<VertexId> = topology.vertices().map(|vertex| vertex.id).collect();
        Columns {
            global: vec![GlobalSample::default(); at_ms.len()],
            vertices: vec![vec![None; at_ms.len()]; ids.len()],
            ids,
            at_ms,
        }
    }

    /// The window of a history.
    pub fn of(history: &History, topology: &Topology) -> Columns {
        let mut columns = Columns::empty(topology, history.keys().copied().collect());
        for (row, sample) in history.values().enumerate() {
            columns.set_global(row, sample.global);
            for (id, vertex) in &sample.vertices {
                if let Some(place) = columns.place(*id) {
                    columns.set(place, row, *vertex);
                }
            }
        }
        columns
    }

    /// Where a vertex stands; `None` for one that the graph does not have.
    pub(crate) fn place(&self, id: VertexId) -> Option<usize> {
        self.ids.binary_search(&id).ok()
    }

    /// Notes a sample of the vertex at a place; rows count the times.
    pub(crate) fn set(&mut self, place: usize, row: usize, sample: VertexSample) {
        let column = self.vertices.get_mut(place);
        if let Some(cell) = column.and_then(|column| column.get_mut(row)) {
            *cell = Some(sample);
        }
    }

    /// Notes a sample of the job.
    pub(crate) fn set_global(&mut self, row: usize, sample: GlobalSample) {
        if let Some(cell) = self.global.get_mut(row) {
            *cell = sample;
        }
    }

    /// How many samples the window has.
    pub fn len(&self) -> usize {
        self.at_ms.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.at_ms.is_empty()
    }

    /// The vertices, ascending.
    pub fn ids(&self) -> impl Iterator<Item = VertexId> {
        self.ids.iter().copied()
    }

    /// The known samples of a vertex with their times.
    pub fn known(
        &self,
        id: VertexId,
    ) -> impl DoubleEndedIterator<Item = (i64, &VertexSample)> + Clone {
        let times = self.at_ms.iter().copied();
        let pairs = times.zip(self.column(id));
        pairs.filter_map(|(at, sample)| Some((at, sample.as_ref()?)))
    }

    /// A vertex in the last sample of the window.
    pub fn latest(&self, id: VertexId) -> Option<&VertexSample> {
        self.column(id).last()?.as_ref()
    }

    /// Samples of the job.
    pub fn global(&self) -> &[GlobalSample] {
        &self.global
    }

    fn column(&self, id: VertexId) -> &[Option<VertexSample>] {
        let column = self.place(id).and_then(|place| self.vertices.get(place));
        column.map_or(&[], Vec::as_slice)
    }
}
